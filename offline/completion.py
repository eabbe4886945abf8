"""What `make up` ends with: a question to the model, through the environment's one address, and its answer."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from contract.problems import describe_given

QUESTION = "Name three primary colors."

ANSWER_SECONDS = 120
MAX_TOKENS = 48

_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class CompletionFailed(Exception):
    """The model did not answer; the text says what did."""


@dataclass(frozen=True)
class Completion:
    """An answer of the model."""

    text: str
    input_tokens: int
    output_tokens: int


def ask(gateway_url: str, model: str) -> Completion:
    """Ask the model the question.

    Raises:
        CompletionFailed: there was no answer, or not one as OpenAI's API has it.
    """
    url = f"{gateway_url}/v1/chat/completions"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
    }
    request = urllib.request.Request(  # noqa: S310
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with _open(request, timeout=ANSWER_SECONDS) as answer:
            text = answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            raise CompletionFailed(f"{url} answers {error.code}: {error.read(1000).decode(errors='replace')}") from None
    except (OSError, http.client.HTTPException) as error:
        raise CompletionFailed(f"{url} does not answer: {error}") from None
    try:
        document = json.loads(text)
        usage = document["usage"]
        content = str(document["choices"][0]["message"]["content"] or "")
        return Completion(content, int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
    except (KeyError, IndexError, TypeError, ValueError):
        raise CompletionFailed(f"{url} gave no completion but {describe_given(text)}") from None

"""What `make up` ends with: a question to the model, through the environment's one address, and its answer."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from contract.problems import describe_given
from offline.loopback import open_url

QUESTION = "Name three primary colors."

ANSWER_SECONDS = 120
MAX_TOKENS = 48

PATIENCE_SECONDS = 30
"""How long an answer 503 may come back: what was replaced a moment ago is found within seconds."""
PAUSE_SECONDS = 0.5

CREDIT = "`source offline/activate`, then `python -m services.billing credit demo 5`"


class CompletionFailed(Exception):
    """The model did not answer; the text says what did."""


@dataclass(frozen=True)
class Completion:
    """An answer of the model."""

    text: str
    request_id: str
    """What the gateway called the request: the ledger knows it by this name."""
    input_tokens: int
    output_tokens: int


def ask(gateway_url: str, model: str, key: str) -> Completion:
    """Ask the model the question, and pay for the answer with the key's account.

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
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310
    text, request_id = _await_answer(url, request)
    try:
        document = json.loads(text)
        usage = document["usage"]
        content = str(document["choices"][0]["message"]["content"] or "")
        return Completion(content, request_id, int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
    except (KeyError, IndexError, TypeError, ValueError):
        raise CompletionFailed(f"{url} gave no completion but {describe_given(text)}") from None


def _await_answer(url: str, request: urllib.request.Request) -> tuple[str, str]:
    """Return the answer and what the gateway called the request."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with open_url(request, timeout=ANSWER_SECONDS) as answer:
                return answer.read().decode(errors="replace"), answer.headers.get("x-request-id", "")
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 503 or time.monotonic() > deadline:
                    raise CompletionFailed(_explain(url, error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise CompletionFailed(f"{url} does not answer: {error}") from None
        time.sleep(PAUSE_SECONDS)


def _explain(url: str, error: urllib.error.HTTPError) -> str:
    said = f"{url} answers {error.code}: {error.read(1000).decode(errors='replace')}"
    return f"the wallet of account demo is spent: {CREDIT}\n{said}" if error.code == 402 else said

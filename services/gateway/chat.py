"""Requests for a chat completion: parsed and validated, before anybody is asked about them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Never

from services.gateway.refusals import refuse_field, refuse_request

LARGEST = 2**31 - 1
"""The most tokens that a request may name: what an integer of the ledger and of engines holds."""

# They change what is counted, whose slot or cache is used, or what is sent beside the answer: the gateway's to decide.
_RESERVED = frozenset(
    {
        "backend_sampling",
        "best_of",
        "cache_prompt",
        "cache_salt",
        "control_action",
        "control_cmpl_id",
        "echo",
        "id_slot",
        "input_extra",
        "input_prefix",
        "input_suffix",
        "kv_transfer_params",
        "lora",
        "n_cache_reuse",
        "n_cmpl",
        "n_discard",
        "n_keep",
        "n_predict",
        "priority",
        "prompt",
        "prompt_logprobs",
        "prompt_token_ids",
        "reasoning_control",
        "response_fields",
        "return_progress",
        "return_token_ids",
        "return_tokens",
        "request_id",
        "sse_ping_interval",
        "timings_per_token",
        "truncate_prompt_tokens",
        "use_beam_search",
        "verbose",
        "__verbose",
    }
)
_RESERVED_PREFIXES = ("speculative", "oaicompat", "__oaicompat")


@dataclass(frozen=True)
class Chat:
    """A request for a chat completion."""

    model: str
    messages: Sequence[Mapping[str, object]]
    stream: bool
    include_usage: bool
    """The client asked for a chunk with the usage at the end of its stream."""
    most_output_tokens: int | None
    """The smaller of max_tokens and max_completion_tokens."""
    fields: Mapping[str, object]
    """All that was sent."""


def parse_chat(body: bytes) -> Chat:
    """Return the request in a body.

    Raises:
        Refused: it can't be used; the text names the field, what was given and what is allowed.
    """
    fields = _parse_json(body)
    for name in fields:
        if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
            raise refuse_field(name, fields[name], "no such field: it is decided by the service")
    answers = fields.get("n")
    if answers is not None and (type(answers) is not int or answers != 1):
        raise refuse_field("n", answers, "1, one answer for each request")
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise refuse_field("model", model, "the name of a model, a string (required)")
    return Chat(
        model=model,
        messages=_read_messages(fields.get("messages")),
        stream=_read_flag("stream", fields.get("stream")),
        include_usage=_read_stream_options(fields.get("stream_options")),
        most_output_tokens=_read_most_output_tokens(fields),
        fields=fields,
    )


def _parse_json(body: bytes) -> dict[str, object]:
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_keep_unique, parse_constant=_refuse_constant, parse_float=_read_number
        )
        # Half of a surrogate pair is no character: engines can't read it, and its bytes can't be counted. In text that
        # is UTF-8 only an escape can stand for one.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise refuse_request("The request's body is not UTF-8") from None
    except UnicodeEncodeError:
        raise refuse_request("The request's body holds half of a surrogate pair; allowed: characters") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise refuse_request(f"The request's body is not JSON: {error.msg} ({place})") from None
    except RecursionError:
        raise refuse_request("The request's body nests too deeply") from None
    except ValueError:  # an integer of thousands of digits
        raise refuse_request("The request's body holds a number that is too large") from None
    if not isinstance(value, dict):
        raise refuse_request("The request's body is not a JSON object")
    return value


def _keep_unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        _refuse_repeated(name for name, _ in pairs)
    return values


def _refuse_repeated(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise refuse_request(f"The request's body holds the key {name[:80]!r} twice; allowed: each key once")
        seen.add(name)


def _refuse_constant(constant: str) -> Never:
    raise refuse_request(f"The request's body holds {constant}, which is not JSON")


def _read_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _read_messages(messages: object) -> Sequence[Mapping[str, object]]:
    if not isinstance(messages, list) or not messages:
        raise refuse_field("messages", messages, "a list of at least one message (required)")
    for index, message in enumerate(messages):
        _check_message(f"messages[{index}]", message)
    return messages


def _check_message(param: str, message: object) -> None:
    if not isinstance(message, dict):
        raise refuse_field(param, message, "an object with role and content")
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise refuse_field(f"{param}.role", role, "a string such as user (required)")
    content = message.get("content")
    if content is None:
        if not message.get("tool_calls") and not message.get("function_call"):
            raise refuse_field(f"{param}.content", content, "a string or a list of text parts (required)")
    elif isinstance(content, list):
        for index, part in enumerate(content):
            _check_part(f"{param}.content[{index}]", part)
    elif not isinstance(content, str):
        raise refuse_field(f"{param}.content", content, "a string or a list of text parts")


def _check_part(param: str, part: object) -> None:
    if not isinstance(part, dict):
        raise refuse_field(param, part, 'an object {"type": "text", "text": ...}')
    if part.get("type") != "text":
        raise refuse_field(f"{param}.type", part.get("type"), '"text": the models read nothing else')
    if not isinstance(part.get("text"), str):
        raise refuse_field(f"{param}.text", part.get("text"), "a string")


def _read_flag(param: str, value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise refuse_field(param, value, "true or false")
    return bool(value)


def _read_stream_options(options: object) -> bool:
    if options is None:
        return False
    if not isinstance(options, dict):
        raise refuse_field("stream_options", options, "an object")
    return _read_flag("stream_options.include_usage", options.get("include_usage"))


def _read_most_output_tokens(fields: Mapping[str, object]) -> int | None:
    """Return the smaller of the two limits: either name may be a library's default, and both are promises."""
    limits = []
    for param in ("max_tokens", "max_completion_tokens"):
        limit = fields.get(param)
        if limit is None:
            continue
        if type(limit) is not int or not 1 <= limit <= LARGEST:
            raise refuse_field(param, limit, f"an integer from 1 to {LARGEST}")
        limits.append(limit)
    return min(limits, default=None)

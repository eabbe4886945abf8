"""The events of a stream, as a gateway writes them."""

from __future__ import annotations

import json
from typing import Any

RECEIPT: dict[str, Any] = {
    "input_tokens": 30,
    "cached_input_tokens": 6,
    "output_tokens": 4,
    "charge_usd": "0.0000041",
}
DONE = b"data: [DONE]\n\n"


def write_event(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def write_chunk(text: str | None = None, *tokens: bytes, finish_reason: str | None = None, **more: object) -> bytes:
    """Return an event with some text, which its tokens' bytes may or may not make up."""
    entries = [{"token": token.decode(errors="replace"), "bytes": list(token), "logprob": -1.0} for token in tokens]
    choice = {
        "index": 0,
        "delta": {} if text is None else {"content": text},
        "logprobs": {"content": entries} if entries else None,
        "finish_reason": finish_reason,
    }
    return write_event({"object": "chat.completion.chunk", "choices": [choice], **more})


def write_words(count: int) -> bytes:
    """Return that many events with a token each."""
    return b"".join(write_chunk(f" w{number}", f" w{number}".encode()) for number in range(count))


def write_receipt(receipt: object = RECEIPT) -> bytes:
    """Return the comment that tells a receipt to those who did not ask for usage."""
    return b": faregate-receipt " + json.dumps(receipt).encode() + b"\n\n"


def write_answer(words: int, finish_reason: str = "stop", receipt: object = RECEIPT) -> bytes:
    """Return a whole stream."""
    return write_words(words) + write_chunk(finish_reason=finish_reason) + write_receipt(receipt) + DONE

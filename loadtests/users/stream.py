"""Reads a stream as OpenAI's clients do, and counts its tokens.

The count is the client's own: one entry of `logprobs` a token. `usage` and receipts are what somebody else says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contract.money import parse_usd
from loadtests.records import Told

_DATA = b"data: "
_RECEIPT = b": faregate-receipt "
_DONE = b"[DONE]"


class StreamBroken(Exception):
    """What came is no stream of chunks."""


class Stream:
    """One stream, event by event."""

    def __init__(self) -> None:
        self.output_tokens = 0
        self.countable = True
        self.is_done = False
        self.ended_by: str | None = None
        """Why the service ended it early, if it did."""
        self.finish_reason: str | None = None
        self.told: Told | None = None

    def take(self, event: bytes) -> None:
        """Note an event, without the empty line that ends it.

        Raises:
            StreamBroken: it is no chunk.
        """
        for line in event.splitlines():
            if line.startswith(_RECEIPT):
                self.told = _read_receipt(_parse(line.removeprefix(_RECEIPT)))
            elif line == _DATA + _DONE:
                self.is_done = True
            elif line.startswith(_DATA):
                self._take_chunk(_parse(line.removeprefix(_DATA)))

    def _take_chunk(self, chunk: Mapping[str, Any]) -> None:
        if "error" in chunk:
            raise StreamBroken(f"an error in the stream: {chunk['error']}")
        try:
            self._take_content(chunk)
        except (AttributeError, TypeError, ValueError) as error:
            raise StreamBroken(f"a chunk that can't be read: {error!r}") from None

    def _take_content(self, chunk: Mapping[str, Any]) -> None:
        extra = chunk.get("faregate") or {}
        self.ended_by = extra.get("ended_by", self.ended_by)
        if "charge_usd" in extra:
            self.told = _read_receipt(extra)
        for choice in chunk.get("choices") or []:
            self._take_choice(choice)

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        tokens = (choice.get("logprobs") or {}).get("content") or []
        text = (choice.get("delta") or {}).get("content") or ""
        self.output_tokens += len(tokens)
        if b"".join(bytes(token.get("bytes") or []) for token in tokens) != text.encode():
            self.countable = False
        reason = choice.get("finish_reason")
        if reason:
            self.finish_reason = reason
            # The token that ends an answer is generated and counted as any other, and has no text.
            self.output_tokens += reason == "stop"


def _parse(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StreamBroken(f"an event that is no JSON object: {text[:80]!r}")
    return value


def _read_receipt(receipt: Mapping[str, Any]) -> Told:
    try:
        return Told(
            int(receipt["input_tokens"]),
            int(receipt["cached_input_tokens"]),
            int(receipt["output_tokens"]),
            parse_usd(receipt["charge_usd"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StreamBroken(f"a receipt that can't be read: {error!r}") from None

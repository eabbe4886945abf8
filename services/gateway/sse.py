"""Server-sent events, read and written. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DONE = "[DONE]"
LONGEST = 2**24
"""The most bytes of one event: an engine that never ends one would fill the memory."""


class EventTooLong(Exception):
    """An event is longer than any that an engine sends."""


@dataclass
class Parser:
    """Finds the data of events in bytes that come in any pieces."""

    _rest: bytes = b""
    _data: list[bytes] = field(default_factory=list)
    _size: int = 0
    _after_return: bool = False

    def feed(self, piece: bytes) -> Iterator[str]:
        """Return the data of each event that ends in this piece.

        Raises:
            EventTooLong: an event is longer than `LONGEST`.
            UnicodeDecodeError: an event is not UTF-8.
        """
        if not piece:
            return
        if self._after_return:
            # A line may end with the first half of CR LF: the other half is no line of its own.
            piece = piece.removeprefix(b"\n")
        *lines, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._after_return = piece.endswith(b"\r")
        if self._size + len(self._rest) > LONGEST:
            raise EventTooLong
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                event = b"\n".join(self._data).decode()
                self._data, self._size = [], 0
                yield event

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":  # other fields and comments say nothing that concerns a chat
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            if self._size > LONGEST:
                raise EventTooLong


def write_event(data: Mapping[str, object]) -> bytes:
    """Return an event with JSON."""
    return b"data: " + encode(data) + b"\n\n"


def write_done() -> bytes:
    """Return the event that ends a stream."""
    return f"data: {DONE}\n\n".encode()


def write_comment(name: str, data: Mapping[str, object]) -> bytes:
    """Return a comment, which clients skip."""
    return f": {name} ".encode() + encode(data) + b"\n\n"


def encode(data: Mapping[str, object]) -> bytes:
    """Return compact JSON in UTF-8, in which no character ends a line."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

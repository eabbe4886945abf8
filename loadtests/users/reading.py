"""Reads the answer to one question, as far as the customer wants it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gevent import GreenletExit
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

from loadtests.records import Outcome
from loadtests.users.stream import Stream, StreamBroken

_EVENT_END = b"\n\n"


class Lines(Protocol):
    """Where a stream comes from."""

    def readline(self, sep: bytes) -> bytes:
        """Return what comes up to a separator, it included; nothing at the end."""
        ...


@dataclass
class Reading:
    """What was read of an answer."""

    outcome: Outcome = Outcome.LEFT
    """Until something is answered, its customer may be taken away."""
    reason: str | None = None
    """Why it is not whole."""
    first_token: float | None = None
    """When the first token came, by the clock that is passed."""
    stream: Stream = field(default_factory=Stream)


def read_answer(
    lines: Lines, leaves_after: int | None, reading: Reading, clock: Callable[[], float] = time.perf_counter
) -> None:
    """Read until the end of the answer, or until so many tokens came that the customer goes away.

    What was read so far is in `reading` however this ends: a run that ends takes its customers with it.
    """
    stream = reading.stream
    reading.outcome = Outcome.BROKEN
    try:
        while not stream.is_done:
            event = lines.readline(_EVENT_END)
            if not event:
                raise StreamBroken("it ended without [DONE]")
            stream.take(event)
            if reading.first_token is None and stream.output_tokens:
                reading.first_token = clock()
            if leaves_after is not None and stream.output_tokens >= leaves_after:
                reading.outcome = Outcome.LEFT
                return
        reading.outcome, reading.reason = (Outcome.CUT if stream.ended_by else Outcome.FINISHED), stream.ended_by
    except GreenletExit:
        reading.outcome = Outcome.LEFT
        raise
    except (*FAILURE_EXCEPTIONS, StreamBroken) as error:
        reading.reason = f"{type(error).__name__}: {error}"

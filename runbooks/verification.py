"""Asks again and again until something holds: a cure shows once it was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runbooks.page import Verify
from runbooks.prometheus import Prometheus, PrometheusUnusable, Sample

ENOUGH = 2
"""Answers in a row that must be as wanted."""
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Verdict:
    """What came of it."""

    holds: bool
    last: Sequence[Sample]
    """What was answered last."""
    trouble: str = ""
    """Why there was no answer the last time, if there was none."""


def verify(
    step: Verify, prometheus: Prometheus, report: Callable[[str], None], pause_seconds: float = PAUSE_SECONDS
) -> Verdict:
    """Return whether it held within the step's time. Prometheus may be away meanwhile: it may be healed, too."""
    deadline = time.monotonic() + step.within_seconds
    held = 0
    while True:
        last: Sequence[Sample] = ()
        trouble = ""
        try:
            last = prometheus.ask(step.expr)
            held = held + 1 if bool(last) == (step.wanted == "some") else 0
        except PrometheusUnusable as error:
            held, trouble = 0, str(error)
        if held == ENOUGH:
            return Verdict(True, last)
        left = deadline - time.monotonic()
        if held == 0 and left <= 0:
            return Verdict(False, last, trouble)
        report(f"{trouble or describe(last)}; {max(left, 0):.0f} s left")
        time.sleep(pause_seconds)


def describe(samples: Sequence[Sample]) -> str:
    """Return in a word or two what was answered."""
    return "nothing" if not samples else "1 row" if len(samples) == 1 else f"{len(samples)} rows"

"""A verification asks until two answers in a row are as wanted, and no longer than it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from runbooks.page import Verify
from runbooks.prometheus import Prometheus
from runbooks.verification import Verdict, verify

from . import fake_prometheus
from .fake_prometheus import NOTHING, run_prometheus, sample

SOME = [sample(3, pool="a")]
PAUSE_SECONDS = 0.001


@pytest.fixture
def fake() -> Iterator[fake_prometheus.Prometheus]:
    with run_prometheus() as prometheus:
        yield prometheus


def run(
    fake: fake_prometheus.Prometheus, wanted: Literal["none", "some"], seconds: int = 60
) -> tuple[Verdict, list[str]]:
    step = Verify(title="Dry", expr="water", wanted=wanted, within_seconds=seconds)
    told: list[str] = []
    return verify(step, Prometheus(fake.url), told.append, PAUSE_SECONDS), told


@pytest.mark.parametrize(
    ("wanted", "answers", "asked"),
    [
        ("none", [NOTHING], 2),
        ("some", [SOME], 2),
        ("none", [SOME, SOME, NOTHING], 4),
        ("some", [NOTHING, SOME], 3),
        ("none", [NOTHING, SOME, NOTHING, SOME, NOTHING, NOTHING, SOME], 6),
        ("none", [NOTHING, b"broken", NOTHING], 4),
    ],
)
def test_two_answers_in_a_row_are_enough_and_needed(
    fake: fake_prometheus.Prometheus, wanted: Literal["none", "some"], answers: list[object], asked: int
) -> None:
    fake.answers["water"] = answers
    verdict, _ = run(fake, wanted)
    assert verdict.holds
    assert fake.asked == ["water"] * asked


@pytest.mark.parametrize(("wanted", "answer", "rows"), [("none", SOME, 1), ("some", NOTHING, 0)])
def test_what_never_holds_ends_with_what_was_seen_last(
    fake: fake_prometheus.Prometheus, wanted: Literal["none", "some"], answer: object, rows: int
) -> None:
    fake.answers["water"] = [answer]
    verdict, _ = run(fake, wanted, seconds=1)
    assert not verdict.holds
    assert len(verdict.last) == rows
    assert len(fake.asked) > 2


def test_a_prometheus_that_stays_away_is_what_was_seen_last() -> None:
    with run_prometheus() as gone:
        pass
    verdict, told = run(gone, "none", seconds=1)
    assert verdict == Verdict(False, (), f"Prometheus at {gone.url}: not reached"), "silence is not `none`"
    assert told[0].startswith(f"{verdict.trouble}; ")


def test_what_was_seen_and_the_time_left_are_told(fake: fake_prometheus.Prometheus) -> None:
    fake.answers["water"] = [SOME, SOME * 2, NOTHING]
    _, told = run(fake, "none", seconds=3600)
    assert told == ["1 row; 3600 s left", "2 rows; 3600 s left", "nothing; 3600 s left"]

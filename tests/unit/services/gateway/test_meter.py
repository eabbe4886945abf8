from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.meter import Meter


@given(
    limit=st.integers(1, 300),
    slice_tokens=st.integers(1, 100),
    steps=st.lists(st.integers(0, 40), max_size=50),
    refused_after=st.integers(0, 20),
)
def test_what_is_delivered_never_falls_and_never_exceeds_what_is_held_and_asked_for(
    limit: int, slice_tokens: int, steps: list[int], refused_after: int
) -> None:
    meter = Meter(held=min(slice_tokens, limit), limit=limit, slice_tokens=slice_tokens)
    granted = counted = 0
    for step in steps:
        counted += step
        if counted > limit:
            break
        while not meter.covers(counted) and granted < refused_after:
            planned = meter.plan(counted)
            assert meter.held < planned <= limit
            meter.extend(planned)
            granted += 1
        if not meter.covers(counted):
            break
        before = meter.delivered
        meter.deliver(counted)
        assert before <= meter.delivered == counted <= meter.held <= limit


def test_a_hold_is_extended_once_half_a_slice_is_left() -> None:
    meter = Meter(held=128, limit=2048, slice_tokens=128)
    meter.deliver(63)
    assert not meter.runs_low
    meter.deliver(64)
    assert meter.runs_low
    assert meter.plan(meter.held) == 256
    meter.extend(256)
    assert not meter.runs_low


def test_a_hold_that_covers_all_that_was_asked_for_is_not_extended() -> None:
    meter = Meter(held=10, limit=10, slice_tokens=128)
    meter.deliver(10)
    assert not meter.runs_low


def test_an_extension_that_was_heard_of_late_takes_nothing_back() -> None:
    meter = Meter(held=10, limit=100, slice_tokens=10)
    meter.extend(30)
    meter.extend(20)
    assert meter.held == 30


@pytest.mark.parametrize("output_tokens", [4, 11])
def test_what_was_not_held_or_is_less_than_before_is_not_delivered(output_tokens: int) -> None:
    meter = Meter(held=10, limit=100, slice_tokens=10)
    meter.deliver(5)
    with pytest.raises(AssertionError):
        meter.deliver(output_tokens)
    assert meter.delivered == 5

"""A shape goes through its stages by the time that has passed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from contract.problems import ContractError
from loadtests.shapes import SHAPES, find_shape
from loadtests.shapes.smoke import Smoke
from loadtests.shapes.stages import Stage, StagedShape

Tick = Callable[[float], tuple[int, float] | None]


class Steps(StagedShape):
    """A shape of three stages."""

    stages = (Stage(10, 1, is_baseline=True), Stage(5, 20), Stage(20, 3))


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Return a function that asks what there should be after so many seconds."""
    shape = Steps()  # type: ignore[no-untyped-call] # Locust has no types there

    def tick_at(seconds: float) -> tuple[int, float] | None:
        with monkeypatch.context() as patched:
            patched.setattr(time, "perf_counter", lambda: shape.start_time + seconds)
            return shape.tick()

    return tick_at


@pytest.mark.parametrize(
    ("seconds", "users"), [(0, 1), (9.9, 1), (10, 20), (14.9, 20), (15, 3), (34.9, 3), (35, None), (1_000, None)]
)
def test_each_stage_lasts_as_long_as_it_says(tick: Tick, seconds: float, users: int | None) -> None:
    assert tick(seconds) == (None if users is None else (users, users))


def test_a_shape_knows_its_length_and_that_of_its_baseline() -> None:
    assert (Steps.seconds(), Steps.baseline_seconds()) == (35, 10)


def test_smoke_is_one_user_for_thirty_seconds() -> None:
    assert find_shape("smoke") is Smoke
    assert (Smoke.seconds(), Smoke.baseline_seconds()) == (30, 10)
    assert {stage.users for stage in Smoke.stages} == {1}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_begins_with_a_baseline_and_goes_on_after_it(name: str) -> None:
    shape = find_shape(name)
    first, *rest = shape.stages
    assert first.is_baseline
    assert not rest[-1].is_baseline
    flags = [stage.is_baseline for stage in shape.stages]
    assert flags == sorted(flags, reverse=True)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_a_file_of_its_name(name: str) -> None:
    assert find_shape(name).__module__ == f"loadtests.shapes.{name}"
    assert find_shape(name).__name__.lower() == name


@pytest.mark.parametrize("name", ["", "smok", "Smoke"])
def test_an_unknown_shape_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ContractError) as refused:
        find_shape(name)
    assert str(refused.value).startswith(f"SHAPE: given {name!r} (a string); allowed: one of smoke")

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator

import pytest

from services.engine import listener, serving
from services.engine.failures import ServingFailed
from services.engine.signals import Stopped

from .conftest import SETTINGS


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeLlama:
    """A server with one request in flight until a moment, and one that waits until another."""

    listening_address = "http://127.0.0.1:8000"

    def __init__(self, clock: Clock, processing_until: float, deferred_until: float = 0) -> None:
        self._clock = clock
        self._until = {"processing": processing_until, "deferred": deferred_until}

    def handle_metrics(self) -> str:
        lines = [f"llamacpp:requests_{kind} {int(self._clock.now < until)}" for kind, until in self._until.items()]
        return "\n".join(["# HELP llamacpp:requests_processing", "llamacpp:prompt_seconds_total 0.5", *lines])


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(serving, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    closed: list[int] = []
    monkeypatch.setattr(listener, "close", closed.append)
    return closed


@pytest.fixture
def entrance() -> Iterator[socket.socket]:
    with listener.reserve("127.0.0.1", 0) as entrance:
        yield entrance


def test_the_end_waits_for_the_requests_in_flight(
    clock: Clock, closed: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    serving.drain(FakeLlama(clock, processing_until=12), SETTINGS)

    assert 12 <= clock.now < 13
    assert closed == [8000]
    assert capsys.readouterr().out == "engine: stopping: waiting up to 30 s for 1 request(s)\n"


def test_the_end_waits_for_requests_that_wait_for_a_slot(clock: Clock) -> None:
    serving.drain(FakeLlama(clock, processing_until=2, deferred_until=5), SETTINGS)

    assert 5 <= clock.now < 6


def test_the_end_waits_no_longer_than_it_may(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    serving.drain(FakeLlama(clock, processing_until=1000), SETTINGS)

    assert 30 <= clock.now < 31
    assert "1 request(s) took longer than 30 s and are broken off" in capsys.readouterr().out


def test_an_idle_engine_ends_at_once(clock: Clock) -> None:
    serving.drain(FakeLlama(clock, processing_until=0), SETTINGS)

    assert clock.now < 1


def test_nothing_is_waited_for_where_the_time_for_it_is_zero(clock: Clock) -> None:
    serving.drain(FakeLlama(clock, processing_until=1000), dataclasses.replace(SETTINGS, drain_seconds=0))

    assert clock.now == 0


def test_a_second_signal_ends_the_waiting(
    clock: Clock, entrance: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise Stopped

    monkeypatch.setattr(clock, "sleep", interrupt)
    monkeypatch.setattr(listener, "is_open", lambda _: True)

    with pytest.raises(Stopped):
        serving.serve(FakeLlama(clock, processing_until=1000), entrance, SETTINGS)

    assert clock.now == 0


def test_an_engine_that_no_longer_listens_fails(
    clock: Clock, entrance: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "is_open", lambda _: clock.now < 5)

    with pytest.raises(ServingFailed, match=r"^llama\.cpp no longer listens on port 8000"):
        serving.serve(FakeLlama(clock, processing_until=0), entrance, SETTINGS)

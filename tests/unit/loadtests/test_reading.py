"""A customer reads an answer as far as they want it, and keeps what came however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from gevent import GreenletExit, Timeout
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from hypothesis import given
from hypothesis import strategies as st
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

from loadtests.records import Outcome, Told
from loadtests.users.reading import Reading, read_answer
from tests.unit.loadtests.chunks import DONE, write_answer, write_chunk, write_event, write_receipt, write_words


class Pieces:
    """A connection that brings a stream in pieces, and may fail after the last one."""

    def __init__(self, *pieces: bytes, failure: BaseException | None = None) -> None:
        self._pieces = list(pieces)
        self._failure = failure
        self._held = b""

    def readline(self, sep: bytes) -> bytes:
        while sep not in self._held:
            if not self._pieces:
                if self._failure is not None:
                    raise self._failure
                return b""
            self._held += self._pieces.pop(0)
        line, _, self._held = self._held.partition(sep)
        return line + sep


def tick() -> Callable[[], float]:
    """Return a clock that goes on by one whenever it is read."""
    ticks = count(1)
    return lambda: float(next(ticks))


def read(*pieces: bytes, leaves_after: int | None = None, failure: BaseException | None = None) -> Reading:
    # A customer who is waiting for the headers will have left if the run ends meanwhile.
    reading = Reading(Outcome.LEFT)
    read_answer(Pieces(*pieces, failure=failure), leaves_after, reading, tick())
    return reading


def cut_at(data: bytes, places: set[int]) -> Iterator[bytes]:
    ends = sorted({place for place in places if place < len(data)} | {len(data)})
    yield from (data[begin:end] for begin, end in zip([0, *ends], ends, strict=False))


def test_a_whole_answer_is_finished() -> None:
    reading = read(write_answer(3))
    assert (reading.outcome, reading.reason) == (Outcome.FINISHED, None)
    assert (reading.stream.output_tokens, reading.stream.told) == (4, Told(30, 6, 4, 4_100))


def test_a_customer_leaves_as_soon_as_enough_tokens_came() -> None:
    reading = read(write_answer(9), leaves_after=2)
    assert (reading.outcome, reading.reason) == (Outcome.LEFT, None)
    assert (reading.stream.output_tokens, reading.stream.told) == (2, None)


def test_a_customer_who_wanted_more_than_there_is_gets_the_whole_answer() -> None:
    assert read(write_answer(3), leaves_after=5).outcome is Outcome.FINISHED


def test_a_stream_that_the_service_ends_early_is_cut() -> None:
    end = write_chunk(finish_reason="length", faregate={"ended_by": "balance"})
    reading = read(write_words(2), end, write_receipt(), DONE)
    assert (reading.outcome, reading.reason, reading.stream.output_tokens) == (Outcome.CUT, "balance", 2)


def test_the_first_token_has_a_time_and_later_ones_change_nothing() -> None:
    assert read(write_event({"choices": [{"delta": {"role": "assistant"}}]}), write_answer(5)).first_token == 1


def test_an_answer_without_tokens_has_no_time_of_its_first() -> None:
    assert read(DONE).first_token is None


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="nothing"),
        pytest.param([write_words(2)], id="no end"),
        pytest.param([write_words(2), write_chunk(finish_reason="stop"), write_receipt()], id="no DONE"),
        pytest.param([write_answer(2)[:-2]], id="half of the last event"),
    ],
)
def test_a_stream_that_ends_without_saying_so_is_broken(pieces: list[bytes]) -> None:
    reading = read(*pieces)
    assert reading.outcome is Outcome.BROKEN
    assert reading.reason == "StreamBroken: it ended without [DONE]"


def make_failure(kind: Callable[..., BaseException]) -> BaseException:
    return kind(1) if kind is Timeout else kind("gone")


def test_the_known_failures_are_those_of_connections() -> None:
    assert {ConnectionResetError, OSError, HTTPConnectionClosed, HTTPParseError, Timeout} <= set(FAILURE_EXCEPTIONS)


@pytest.mark.parametrize("kind", FAILURE_EXCEPTIONS)
def test_a_connection_that_fails_breaks_the_stream_and_what_came_is_kept(kind: type[BaseException]) -> None:
    reading = read(write_words(2), failure=make_failure(kind))
    assert reading.outcome is Outcome.BROKEN
    assert (reading.reason or "").startswith(f"{kind.__name__}: ")
    assert reading.stream.output_tokens == 2


@pytest.mark.parametrize("event", [write_event({"error": {"message": "lost"}}), b"data: {\n\n", write_receipt({})])
def test_an_event_that_is_no_chunk_breaks_the_stream_and_what_came_is_kept(event: bytes) -> None:
    reading = read(write_words(2), event, write_answer(2))
    assert reading.outcome is Outcome.BROKEN
    assert (reading.reason or "").startswith("StreamBroken: ")
    assert reading.stream.output_tokens == 2


def test_a_customer_whom_the_end_of_the_run_takes_has_left_and_what_came_is_kept() -> None:
    reading = Reading()
    with pytest.raises(GreenletExit):
        read_answer(Pieces(write_words(2), failure=GreenletExit()), None, reading, tick())
    assert (reading.outcome, reading.stream.output_tokens, reading.first_token) == (Outcome.LEFT, 2, 1)


def test_a_mistake_of_ours_is_not_taken_for_a_customer_who_left() -> None:
    reading = Reading(Outcome.LEFT)
    with pytest.raises(ZeroDivisionError):
        read_answer(Pieces(write_words(2), failure=ZeroDivisionError()), None, reading, tick())
    assert (reading.outcome, reading.stream.output_tokens) == (Outcome.BROKEN, 2)


@given(st.integers(0, 12), st.sampled_from(["stop", "length"]), st.sets(st.integers(1, 2_000)))
def test_counts_are_the_same_whatever_way_the_bytes_are_cut(words: int, reason: str, places: set[int]) -> None:
    reading = read(*cut_at(write_answer(words, reason), places))
    assert reading.outcome is Outcome.FINISHED
    assert reading.stream.output_tokens == words + (reason == "stop")
    assert reading.stream.countable
    assert reading.stream.told == Told(30, 6, 4, 4_100)


@given(st.integers(1, 12), st.integers(1, 12), st.sets(st.integers(1, 2_000)))
def test_a_customer_leaves_at_the_same_token_whatever_way_the_bytes_are_cut(
    words: int, leaves_after: int, places: set[int]
) -> None:
    reading = read(*cut_at(write_answer(words, "length"), places), leaves_after=leaves_after)
    assert reading.stream.output_tokens == min(words, leaves_after)
    assert reading.outcome is (Outcome.LEFT if leaves_after <= words else Outcome.FINISHED)


@given(st.integers(0, 6), st.integers(0, 2_000))
def test_a_stream_that_breaks_off_anywhere_is_never_finished(words: int, place: int) -> None:
    data = write_answer(words)
    reading = read(data[: place % len(data)])
    assert reading.outcome is Outcome.BROKEN
    assert reading.stream.output_tokens <= words + 1

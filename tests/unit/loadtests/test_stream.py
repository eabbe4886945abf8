"""The client counts the tokens of a stream itself, and keeps what it is told apart from that."""

from __future__ import annotations

from typing import Any

import pytest

from loadtests.records import Told
from loadtests.users.stream import Stream, StreamBroken
from tests.unit.loadtests.chunks import (
    DONE,
    RECEIPT,
    write_answer,
    write_chunk,
    write_event,
    write_receipt,
    write_words,
)

TOLD = Told(30, 6, 4, 4_100)


def take(*events: bytes) -> Stream:
    """Return what a stream is after these events, each of which may hold several."""
    stream = Stream()
    for event in b"".join(events).split(b"\n\n"):
        stream.take(event)
    return stream


# ---- counts


def test_each_entry_of_the_log_probabilities_is_a_token() -> None:
    stream = take(write_chunk("one two", b"one", b" two"), write_chunk(" three", b" three"))
    assert (stream.output_tokens, stream.countable) == (3, True)


def test_the_token_that_ends_an_answer_counts_though_it_has_no_text() -> None:
    stream = take(write_words(3), write_chunk(finish_reason="stop"))
    assert (stream.output_tokens, stream.finish_reason) == (4, "stop")


def test_an_answer_that_reached_its_limit_has_no_token_that_ends_it() -> None:
    stream = take(write_words(3), write_chunk(finish_reason="length"))
    assert (stream.output_tokens, stream.finish_reason) == (3, "length")


def test_tokens_in_the_last_chunk_count_beside_the_one_that_ends_the_answer() -> None:
    assert take(write_chunk(" end", b" end", finish_reason="stop")).output_tokens == 2


def test_a_chunk_without_text_is_no_token() -> None:
    role = write_event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    empty = write_event({"choices": [], "usage": None})
    stream = take(role, empty, b": keep-alive\n\n")
    assert (stream.output_tokens, stream.countable, stream.is_done) == (0, True, False)


def test_a_token_without_text_counts() -> None:
    stream = take(write_chunk("", b""))
    assert (stream.output_tokens, stream.countable) == (1, True)


@pytest.mark.parametrize("last", [write_receipt(), write_event({"choices": [], "usage": {"completion_tokens": 99}})])
def test_what_somebody_else_says_is_never_counted(last: bytes) -> None:
    assert take(write_words(2), last).output_tokens == 2


# ---- what can't be counted


def test_text_that_no_token_accounts_for_makes_an_answer_uncountable() -> None:
    stream = take(write_chunk("one two", b"one"))
    assert (stream.output_tokens, stream.countable) == (1, False)


def test_text_without_log_probabilities_is_uncountable() -> None:
    assert not take(write_chunk("one")).countable


def test_a_token_whose_text_is_held_back_makes_an_answer_uncountable() -> None:
    assert not take(write_chunk("", b"one")).countable


def test_a_character_of_several_tokens_that_comes_whole_is_counted() -> None:
    grin = "\N{GRINNING FACE}".encode()
    stream = take(write_chunk("\N{GRINNING FACE}", grin[:2], grin[2:]))
    assert (stream.output_tokens, stream.countable) == (2, True)


def test_a_character_that_was_held_back_until_its_last_token_is_uncountable() -> None:
    grin = "\N{GRINNING FACE}".encode()
    stream = take(write_chunk("\N{GRINNING FACE}", grin[2:]))
    assert not stream.countable


def test_what_could_not_be_counted_stays_so() -> None:
    assert not take(write_chunk("one"), write_words(5), write_chunk(finish_reason="stop"), DONE).countable


# ---- what is told


def test_a_receipt_comes_as_a_comment() -> None:
    assert take(write_words(3), write_receipt(), DONE).told == TOLD


def test_a_receipt_comes_in_the_chunk_that_tells_the_usage() -> None:
    chunk = {"choices": [], "usage": {"prompt_tokens": 36, "completion_tokens": 4}, "faregate": RECEIPT}
    assert take(write_words(3), write_event(chunk), DONE).told == TOLD


def test_usage_alone_is_no_receipt() -> None:
    usage = {"prompt_tokens": 36, "completion_tokens": 4, "total_tokens": 40}
    assert take(write_words(3), write_event({"choices": [], "usage": usage}), DONE).told is None


def test_a_stream_that_the_service_ended_early_says_why() -> None:
    stream = take(
        write_words(2),
        write_chunk(finish_reason="length", faregate={"ended_by": "balance"}),
        write_event({"choices": [], "faregate": RECEIPT}),
        DONE,
    )
    assert (stream.ended_by, stream.told, stream.is_done) == ("balance", TOLD, True)


def test_a_whole_stream_was_ended_by_nobody() -> None:
    stream = take(write_answer(3))
    assert (stream.ended_by, stream.output_tokens, stream.told, stream.is_done) == (None, 4, TOLD, True)


def test_several_lines_of_one_event_are_each_read() -> None:
    stream = Stream()
    stream.take(write_receipt().strip() + b"\r\n" + DONE.strip())
    assert (stream.told, stream.is_done) == (TOLD, True)


# ---- what is no stream


def test_an_error_in_the_stream_breaks_it() -> None:
    with pytest.raises(StreamBroken, match=r"an error in the stream: .*engine lost"):
        take(write_words(1), write_event({"error": {"message": "engine lost"}}))


@pytest.mark.parametrize("data", [b"{", b"[]", b"1", b"null", b"\xff", b"[DONE"])
def test_an_event_that_is_no_object_breaks_the_stream(data: bytes) -> None:
    with pytest.raises(StreamBroken, match="no JSON object"):
        take(b"data: " + data + b"\n\n")


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": 1},
        {"choices": ["text"]},
        {"choices": [{"delta": "text"}]},
        {"choices": [{"delta": {"content": 1}}]},
        {"choices": [{"logprobs": []}, {"logprobs": [1]}]},
        {"choices": [{"logprobs": {"content": [1]}}]},
        {"choices": [{"logprobs": {"content": [{"bytes": [256]}]}}]},
        {"choices": [{"logprobs": {"content": [{"bytes": "text"}]}}]},
        {"faregate": "text"},
    ],
)
def test_a_chunk_of_another_form_breaks_the_stream(chunk: object) -> None:
    with pytest.raises(StreamBroken, match="a chunk that can't be read"):
        take(write_event(chunk))


@pytest.mark.parametrize(
    "change",
    [
        {"charge_usd": None},
        {"charge_usd": 0.0000041},
        {"charge_usd": "-0.01"},
        {"charge_usd": "0.00000000001"},
        {"input_tokens": None},
        {"cached_input_tokens": "many"},
        {"output_tokens": []},
    ],
)
def test_a_receipt_that_can_t_be_read_breaks_the_stream(change: dict[str, Any]) -> None:
    with pytest.raises(StreamBroken, match="a receipt that can't be read"):
        take(write_receipt({**RECEIPT, **change}))


@pytest.mark.parametrize("field", RECEIPT)
def test_a_receipt_that_lacks_something_breaks_the_stream(field: str) -> None:
    with pytest.raises(StreamBroken, match=f"a receipt that can't be read.*{field}"):
        take(write_receipt({name: value for name, value in RECEIPT.items() if name != field}))


def test_a_receipt_that_is_no_object_breaks_the_stream() -> None:
    with pytest.raises(StreamBroken, match="no JSON object"):
        take(write_receipt([1]))

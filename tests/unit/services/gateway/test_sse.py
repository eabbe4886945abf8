from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import sse

LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def read(pieces: Iterable[bytes]) -> list[str]:
    parser = sse.Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    events=st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=5),
    end=ENDS,
    places=st.lists(st.integers(0, 10_000), max_size=10),
    comment=LINES,
)
def test_events_are_found_wherever_the_bytes_are_cut(
    events: list[list[str]], end: bytes, places: list[int], comment: str
) -> None:
    data = b""
    for lines in events:
        data += b": " + comment.encode() + end + b"id: 1" + end
        data += b"".join(b"data: " + line.encode() + end for line in lines) + end

    assert read(cut(data, places)) == ["\n".join(lines) for lines in events]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_give_the_same_however_they_are_cut(data: bytes, places: list[int]) -> None:
    try:
        whole = read([data])
    except UnicodeDecodeError:
        return
    assert read(cut(data, places)) == whole


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_of_two_lines_is_one_at_whatever_byte_it_is_cut(end: bytes) -> None:
    data = end.join((b"data: a", b"data: b", b"", b"data: c", b"", b""))

    for place in range(len(data) + 1):
        assert read([data[:place], b"", data[place:]]) == ["a\nb", "c"]
    assert read([data[place : place + 1] for place in range(len(data))]) == ["a\nb", "c"]


def test_a_space_after_the_colon_is_no_data_and_a_second_one_is() -> None:
    assert read([b"data:a\n\ndata: b\n\ndata:  c\n\ndata\n\n"]) == ["a", "b", " c", ""]


def test_an_event_that_did_not_end_is_none() -> None:
    assert read([b"data: a\n\ndata: b\n"]) == ["a"]


@pytest.mark.parametrize("piece", [b"x" * (sse.LONGEST // 30), b"data: " + b"x" * (sse.LONGEST // 30) + b"\n"])
def test_an_event_that_never_ends_is_not_kept(piece: bytes) -> None:
    with pytest.raises(sse.EventTooLong):
        read([piece] * 40)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_what_is_written_is_read(data: dict[str, object]) -> None:
    try:
        written = sse.write_event(data) + sse.write_comment("receipt", data) + sse.write_done()
    except UnicodeEncodeError:
        return
    first, last = read([written])

    assert json.loads(first) == data
    assert last == sse.DONE

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.counts import Counts, CountsBroken, read_timings, read_usage

JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


def test_llama_cpp_s_timings_count_what_was_cached_apart() -> None:
    assert read_timings({"timings": {"cache_n": 26, "prompt_n": 6, "predicted_n": 12}}) == Counts(6, 26, 12)
    assert read_timings({"timings": {"prompt_n": 6, "predicted_n": 12}}) == Counts(6, 0, 12)
    assert read_timings({}) is None


def test_openai_s_usage_counts_what_was_cached_as_a_part_of_the_prompt() -> None:
    usage = {"prompt_tokens": 32, "completion_tokens": 12, "prompt_tokens_details": {"cached_tokens": 26}}

    assert read_usage({"usage": usage}) == Counts(6, 26, 12)
    assert read_usage({"usage": {**usage, "prompt_tokens_details": None}}) == Counts(32, 0, 12)
    assert read_usage({"usage": None}) is None


@pytest.mark.parametrize(
    "usage",
    [
        {},
        [],
        {"prompt_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 2**63},
    ],
)
def test_usage_that_does_not_count_is_broken(usage: object) -> None:
    with pytest.raises(CountsBroken):
        read_usage({"usage": usage})


def test_more_cannot_be_cached_than_there_is() -> None:
    with pytest.raises(CountsBroken):
        read_usage(
            {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}}
        )


@given(st.dictionaries(st.sampled_from(["cache_n", "prompt_n", "predicted_n"]), JSON) | JSON)
def test_whatever_timings_are_they_count_or_are_broken(timings: object) -> None:
    try:
        counts = read_timings({"timings": timings})
    except CountsBroken:
        return
    assert counts is None or min(counts.input_tokens, counts.cached_input_tokens, counts.output_tokens) >= 0

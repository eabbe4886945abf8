"""Any run in which all count the same passes, and no count of it can be changed without a check that fails."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.records import Outcome
from tests.unit.loadtests.samples import (
    CHARGES,
    ENGINES,
    HELD_INPUT,
    MOST,
    OTHERS,
    WHOLE,
    Request,
    Sample,
    count_rows,
    list_failed,
    make_apart,
    make_expired_row,
    make_nameless,
    make_refused,
    make_row,
    make_whole,
)

tokens = st.integers(0, MOST)


@st.composite
def wholes(draw: st.DrawFn) -> Request:
    inputs, cached = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    return make_whole("", draw(st.integers(1, MOST)), inputs=inputs, cached=cached)


@st.composite
def aparts(draw: st.DrawFn) -> Request:
    """Return a request that ended early: what came, what was charged and what the engine sent, in this order."""
    came, charged, sent = sorted(draw(st.tuples(tokens, tokens, tokens)))
    outcome = draw(st.sampled_from([Outcome.LEFT, Outcome.CUT, Outcome.BROKEN]))
    if outcome is Outcome.CUT:
        charged = came
    early = make_apart("x", outcome, came, charged, sent).see(countable=draw(st.booleans()))
    return replace(early, row=make_expired_row("x")) if draw(st.booleans()) else early


refusals = st.sampled_from([None, make_expired_row("x"), make_row("x", 0, inputs=0, cached=0)]).map(
    lambda row: make_refused("x", row)
)


@st.composite
def runs(draw: st.DrawFn) -> Sample:
    """Return a run, in which the engines did what the ledger says and what it leaves open."""
    drawn = draw(st.lists(wholes() | aparts() | refusals | st.just(make_nameless()), max_size=6))
    named = [_name(request, f"request-{number}") for number, request in enumerate([make_whole(""), *drawn])]
    strangers = [make_row("stranger", 3)] if any(request.record.request_id is None for request in named) else []
    sample = Sample(named, strangers=strangers)
    rows = sample.evidence.rows
    more_output = sum(
        draw(st.integers(0, MOST - (request.row.engine_output_tokens or 0)))
        for request in named
        if request.row is not None and request.record.outcome is not Outcome.FINISHED
    )
    more_input = sum(draw(st.integers(0, HELD_INPUT)) for row in rows if not row.input_tokens and not _is_read(row))
    counts = count_rows(rows)
    return replace(
        sample,
        counts=replace(
            counts,
            output_tokens=counts.output_tokens + more_output,
            input_tokens=counts.input_tokens + more_input,
        ),
    )


def _is_read(row: object) -> bool:
    return bool(getattr(row, "cached_input_tokens", None))


def _name(request: Request, name: str) -> Request:
    if request.record.request_id is None:
        return request
    named = request.see(request_id=name)
    return named.book(request_id=name) if named.row else named


@given(runs())
def test_a_run_in_which_all_count_the_same_passes(run: Sample) -> None:
    assert list_failed(run.judge()) == []


changes = st.sampled_from([1, -1])
ROW_COUNTS = ["output_tokens", "engine_output_tokens", "input_tokens", "cached_input_tokens", "charge", "charged"]
RECEIPT_COUNTS = ["output_tokens", "input_tokens", "cached_input_tokens", "charge"]


@settings(max_examples=40)
@given(runs(), changes)
def test_a_run_in_which_a_client_got_another_number_fails(run: Sample, by: int) -> None:
    whole = run.requests[0]
    wrong = whole.see(output_tokens=whole.record.output_tokens + by)
    assert list_failed(replace(run, requests=[wrong, *run.requests[1:]]).judge()) == [WHOLE]


@settings(max_examples=40)
@given(runs(), changes, st.sampled_from(ROW_COUNTS))
def test_a_run_in_which_one_number_of_the_ledger_is_another_fails(run: Sample, by: int, field: str) -> None:
    whole = run.requests[0]
    assert whole.row
    wrong = whole.book(**{field: getattr(whole.row, field) + by})
    failed = list_failed(replace(run, requests=[wrong, *run.requests[1:]]).judge())
    assert (WHOLE if field == "engine_output_tokens" else CHARGES) in failed


@settings(max_examples=40)
@given(runs(), changes, st.sampled_from(RECEIPT_COUNTS))
def test_a_run_in_which_one_number_of_a_receipt_is_another_fails(run: Sample, by: int, field: str) -> None:
    whole = run.requests[0]
    assert whole.record.told
    wrong = whole.tell(**{field: getattr(whole.record.told, field) + by})
    assert list_failed(replace(run, requests=[wrong, *run.requests[1:]]).judge()) == [CHARGES]


@settings(max_examples=40)
@given(runs(), changes)
def test_a_gateway_that_is_at_one_with_itself_and_wrong_fails(run: Sample, by: int) -> None:
    whole = run.requests[0]
    counted = whole.record.output_tokens + by
    wrong = whole.charge(counted).book(engine_output_tokens=counted)
    assert WHOLE in list_failed(replace(run, requests=[wrong, *run.requests[1:]]).judge())


@settings(max_examples=40)
@given(runs(), st.integers(1, 1_000))
def test_engines_that_did_more_than_was_asked_of_them_fail(run: Sample, by: int) -> None:
    most = replace(run, counts=None).recount(
        output_tokens=by
        + sum(
            MOST - (request.row.engine_output_tokens or 0)
            for request in run.requests
            if request.row is not None and request.record.outcome is not Outcome.FINISHED
        )
        + sum(MOST - (row.engine_output_tokens or 0) for row in run.strangers)
    )
    assert list_failed(most.judge()) == [ENGINES]


@settings(max_examples=40)
@given(runs(), st.integers(1, 1_000))
def test_engines_that_did_less_than_was_charged_fail(run: Sample, by: int) -> None:
    assert list_failed(replace(run, counts=None).recount(output_tokens=-by).judge()) == [ENGINES]


@settings(max_examples=40)
@given(runs(), st.integers(1, MOST))
def test_a_request_that_ended_early_and_was_charged_more_than_was_sent_fails(run: Sample, by: int) -> None:
    wrong = make_apart("wrong", came=0, charged=5 + by, sent=5)
    assert list_failed(replace(run, requests=[*run.requests, wrong], counts=None).judge()) == [OTHERS]

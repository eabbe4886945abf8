"""Errors and slow answers: what is a fact, what may be chance, and what a baseline is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.slo import Slo, Slos
from loadtests.records import Outcome, Record
from loadtests.verdict.checks import Check
from loadtests.verdict.quality import (
    CHANCE,
    FEWEST_IN_BASELINE,
    Limit,
    compute_chance,
    find_availability,
    find_limits,
    judge_errors,
    judge_latency,
    list_seconds,
)
from tests.unit.loadtests.samples import (
    BASELINE_ENDED,
    BEGUN,
    ERRORS,
    LATENCY,
    Request,
    Sample,
    list_failed,
    make_apart,
    make_settings,
    make_slos,
    make_whole,
)
from tests.unit.outputs import OUTPUTS

RIGHT = make_whole("right").record
WRONG = make_apart("wrong", Outcome.BROKEN).record


def time_first_tokens(*seconds: float) -> list[Record]:
    return [replace(RIGHT, first_token_seconds=value) for value in seconds]


def find_limit(slos: Slos, baseline: Sequence[Record], *, shared_machine: bool = True) -> Limit:
    [limit] = find_limits(slos.slos, baseline, shared_machine=shared_machine)
    return limit


def judge_slow(slow: int, total: int, objective: str = "99") -> Check:
    """Judge answers of which so many were slower than a limit of one second."""
    limit = Limit("quick", "first_token", 1.0, "words")
    records = time_first_tokens(*[1.5] * slow, *[1.0] * (total - slow))
    return judge_latency(limit, make_slos(latency_objective=objective).slos["quick"], records)


# ---- errors


def judge_failed(failed: int, total: int, objective: str) -> Check:
    found = find_availability(make_slos(objective).slos)
    assert found
    return judge_errors(*found, [WRONG] * failed + [RIGHT] * (total - failed))


@pytest.mark.parametrize(
    ("failed", "total", "objective", "passes"),
    [
        (0, 1, "99.9", True),
        (1, 10, "99.9", False),
        (1, 1000, "99.9", True),
        (2, 1000, "99.9", False),
        (1, 999, "99.9", False),
        (7, 100, "93", True),
        (8, 100, "93", False),
        (3, 10_000, "99.97", True),
        (4, 10_000, "99.97", False),
    ],
)
def test_errors_may_use_up_the_error_budget_to_the_last_request(
    failed: int, total: int, objective: str, passes: bool
) -> None:
    assert judge_failed(failed, total, objective).passed is passes


@given(st.integers(1, 2_000), st.integers(1, 99_999), st.data())
def test_the_error_budget_is_exact(total: int, thousandths: int, data: st.DataObject) -> None:
    allowed = Fraction(100_000 - thousandths, 100_000) * total
    failed = data.draw(st.sampled_from([math.floor(allowed), math.floor(allowed) + 1]))
    assume(failed <= total)
    passed = judge_failed(failed, total, f"{thousandths // 1000}.{thousandths % 1000:03}").passed
    assert passed is (failed <= allowed)


@pytest.mark.parametrize("outcome", Outcome)
def test_whoever_leaves_has_no_error_and_whoever_gets_no_answer_has(outcome: Outcome) -> None:
    found = find_availability(make_slos("99").slos)
    assert found
    check = judge_errors(*found, [replace(RIGHT, outcome=outcome)])
    assert check.passed is (outcome in (Outcome.FINISHED, Outcome.LEFT))


def test_each_reason_of_errors_is_told_once_with_how_many_had_it_and_the_first_of_them() -> None:
    found = find_availability(make_slos("99").slos)
    assert found
    nameless = replace(WRONG, request_id=None, outcome=Outcome.UNREACHED)
    check = judge_errors(*found, [WRONG, RIGHT, nameless, replace(WRONG, request_id="again")])
    assert check.details == ["2 x broken: it says why (wrong)", "1 x unreached: it says why (no request id)"]
    assert check.found == "3 of 4 requests, 75.00 %"
    assert check.allowed == "at most 1.00 % (available)"


def test_no_requests_are_no_success() -> None:
    assert not judge_failed(0, 0, "50").passed


def test_a_run_without_a_promise_of_availability_fails() -> None:
    latency_alone = Slos(slos={name: slo for name, slo in make_slos().slos.items() if name == "quick"})
    assert list_failed(Sample([make_whole("one")]).judge(make_settings(latency_alone))) == [ERRORS]


def test_an_error_fails_a_run_that_is_promised_without() -> None:
    broken = Sample([make_whole("one"), make_apart("broken", Outcome.BROKEN)])
    assert list_failed(broken.judge(make_settings(make_slos("99.9")))) == [ERRORS]


# ---- limits


def test_on_a_shared_machine_the_limit_is_a_multiple_of_the_baseline_s_median() -> None:
    limit = find_limit(make_slos(), time_first_tokens(0.1, 0.1, 0.2, 0.9, 0.9))
    assert limit.seconds == pytest.approx(3 * 0.2)
    assert limit.words == "600 ms, 3 x the baseline's median of 200 ms (5 answers)"


def test_on_a_machine_of_its_own_the_limit_is_the_promised_threshold() -> None:
    limit = find_limit(make_slos(), [], shared_machine=False)
    assert (limit.seconds, limit.words) == (0.5, "500 ms")


@pytest.mark.parametrize("count", [0, FEWEST_IN_BASELINE - 1])
def test_a_baseline_of_few_answers_is_none(count: int) -> None:
    slos = make_slos()
    limit = find_limit(slos, time_first_tokens(*[0.1] * count))
    check = judge_latency(limit, slos.slos["quick"], [RIGHT])
    assert not check.passed
    assert check.found == "a baseline of fewer than 5 answers"
    assert "nan" not in check.allowed


def test_a_run_without_a_baseline_fails() -> None:
    late = [make_whole(f"late-{number}", begun=BEGUN) for number in range(6)]
    assert list_failed(Sample(late, baseline=[]).judge()) == [LATENCY]


def test_a_run_with_nothing_but_a_baseline_fails() -> None:
    assert list_failed(Sample([]).judge()) == [LATENCY]


def test_a_request_belongs_to_the_baseline_if_it_began_in_it() -> None:
    last = [make_whole(f"last-{number}", begun=BASELINE_ENDED - 0.001) for number in range(5)]
    first = [make_whole("first", begun=BASELINE_ENDED)]
    assert list_failed(Sample(first, baseline=last).judge()) == []
    assert list_failed(Sample(first, baseline=last[:4]).judge()) == [LATENCY]


def slow_down(name: str) -> Request:
    return make_whole(name).see(first_token_seconds=0.4)


def test_a_run_that_is_slower_than_its_baseline_allows_fails() -> None:
    slow = Sample([slow_down(f"slow-{number}") for number in range(5)])
    assert list_failed(slow.judge()) == [LATENCY]
    as_promised = make_settings(outputs={name: value for name, value in OUTPUTS.items() if name != "instance"})
    assert list_failed(slow.judge(as_promised)) == []


# ---- slow answers


def test_an_answer_at_the_limit_is_not_slow() -> None:
    assert judge_slow(0, 10).found.startswith("0 of 10 slower")


@pytest.mark.parametrize(
    ("slow", "total", "passes"),
    [
        pytest.param(0, 20, True, id="none"),
        pytest.param(1, 100, True, id="the budget"),
        pytest.param(1, 20, True, id="one of few is chance"),
        pytest.param(3, 20, True, id="three in 20 runs of a thousand"),
        pytest.param(4, 20, False, id="four"),
        pytest.param(1, 1, True, id="the only one"),
        pytest.param(2, 2, False, id="both: one time in 10,000"),
        pytest.param(30, 1000, False, id="three times the budget of many"),
    ],
)
def test_a_slow_answer_may_be_chance_and_many_are_not(slow: int, total: int, passes: bool) -> None:
    check = judge_slow(slow, total)
    assert check.passed is passes
    excused = passes and slow > total / 100
    assert ("by chance" in check.found) is excused


def test_no_answers_are_not_quick() -> None:
    check = judge_slow(0, 0)
    assert (check.passed, check.found) == (False, "no answers after the baseline")


def compute_exactly(bad: int, total: int, budget: Fraction) -> Fraction:
    return sum(
        (math.comb(total, count) * budget**count * (1 - budget) ** (total - count) for count in range(bad, total + 1)),
        Fraction(0),
    )


@given(st.integers(1, 80), st.data(), st.fractions("0.0001", "0.9999", max_denominator=10_000))
def test_chance_is_the_upper_tail_of_the_binomial_distribution(
    total: int, data: st.DataObject, budget: Fraction
) -> None:
    bad = data.draw(st.integers(0, total))
    assert compute_chance(bad, total, float(budget)) == pytest.approx(float(compute_exactly(bad, total, budget)))


@given(st.integers(1, 80), st.data(), st.floats(0.0001, 0.9))
def test_more_slow_answers_are_less_likely(total: int, data: st.DataObject, budget: float) -> None:
    bad = data.draw(st.integers(0, total - 1))
    assert compute_chance(bad + 1, total, budget) <= compute_chance(bad, total, budget)
    assert compute_chance(0, total, budget) == pytest.approx(1)


def test_chance_excuses_what_happens_more_often_than_one_time_in_a_thousand() -> None:
    assert CHANCE == 0.001
    assert compute_chance(3, 20, 0.01) == pytest.approx(0.00100, abs=5e-5)
    assert compute_chance(3, 20, 0.01) >= CHANCE > compute_chance(4, 20, 0.01)


def test_chance_can_be_computed_of_a_long_run() -> None:
    assert compute_chance(1_000, 100_000, 0.01) == pytest.approx(0.5, abs=0.02)


# ---- quantities


def make_timed(first: float | None, seconds: float, tokens: int, outcome: Outcome = Outcome.FINISHED) -> Record:
    return replace(RIGHT, first_token_seconds=first, seconds=seconds, output_tokens=tokens, outcome=outcome)


def test_a_first_token_has_a_time_however_the_request_ended() -> None:
    records = [make_timed(0.1, 1, 5, outcome) for outcome in Outcome] + [make_timed(None, 1, 0)]
    assert list_seconds(records, "first_token") == [0.1] * len(Outcome)


@pytest.mark.parametrize(("quantity", "expected"), [("whole_request", [2.1]), ("per_output_token", [0.5])])
def test_only_whole_answers_have_a_time_from_end_to_end(quantity: str, expected: list[float]) -> None:
    others: Iterable[Outcome] = set(Outcome) - {Outcome.FINISHED}
    records = [make_timed(0.1, 2.1, 5), *(make_timed(0.1, 9, 5, outcome) for outcome in others)]
    assert list_seconds(records, quantity) == pytest.approx(expected)


def test_one_token_has_no_time_between_two() -> None:
    assert list_seconds([make_timed(0.1, 0.2, 1), make_timed(None, 0.2, 0)], "per_output_token") == []


@pytest.mark.parametrize("quantity", ["per_output_token", "whole_request"])
def test_other_quantities_are_judged_by_the_same_rule(quantity: str) -> None:
    settings = make_settings(make_slos(quantity=quantity))
    whole = [make_whole(f"whole-{number}") for number in range(5)]
    slow = [request.see(seconds=9.0) for request in whole]
    name = f"latency: {quantity.replace('_', ' ')}"
    assert list_failed(Sample(whole).judge(settings)) == []
    assert list_failed(Sample(slow).judge(settings)) == [name]


def test_the_promise_that_errors_are_judged_by_is_that_of_availability() -> None:
    slos: dict[str, Slo] = dict(reversed(list(make_slos("99").slos.items())))
    found = find_availability(slos)
    assert found
    assert found[0] == "available"
    assert find_availability({"quick": slos["quick"]}) is None

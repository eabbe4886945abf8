"""Every single count that is false fails the check that is meant for it, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.money import Unit, format_usd
from loadtests.evidence.engines import EngineCounts
from loadtests.records import Outcome, Told
from loadtests.verdict.cases import match_cases
from loadtests.verdict.money import judge_charges, list_prices
from tests.unit.loadtests.samples import (
    BOOKS,
    CHARGES,
    CHECKS,
    ENGINES,
    ERRORS,
    HELD_INPUT,
    LATENCY,
    MODEL,
    MOST,
    OTHERS,
    STRANGERS,
    WHOLE,
    Request,
    Sample,
    list_details,
    list_failed,
    make_apart,
    make_catalog,
    make_expired_row,
    make_nameless,
    make_refused,
    make_row,
    make_whole,
)

ONE = make_whole("one")
LEFT = make_apart("left")
CUT = make_apart("cut", Outcome.CUT, came=6, charged=6, sent=8)


def list_all(request: Request) -> tuple[int, int, int]:
    """Return what client, engine and ledger counted."""
    assert request.row
    assert request.row.engine_output_tokens is not None
    assert request.row.output_tokens is not None
    return request.record.output_tokens, request.row.engine_output_tokens, request.row.output_tokens


def test_a_run_in_which_all_count_the_same_passes() -> None:
    verdict = Sample([ONE, LEFT, CUT, make_nameless(), make_refused("refused")]).judge()
    assert [check.name for check in verdict.checks] == CHECKS
    assert list_failed(verdict) == []
    assert verdict.passed


def test_a_verdict_without_checks_is_no_pass() -> None:
    assert not replace(Sample([ONE]).judge(), checks=[]).passed


# ---- whole answers


def test_a_ledger_that_charges_one_token_more_than_came_fails() -> None:
    wrong = ONE.charge(11)
    assert list_all(wrong) == (10, 10, 11)
    verdict = Sample([wrong]).judge()
    assert list_failed(verdict) == [WHOLE]
    assert list_details(verdict, WHOLE) == ["one: the client counted 10, the engine 10, the ledger 11 output tokens"]


def test_a_ledger_that_charges_one_token_less_than_came_fails() -> None:
    assert list_failed(Sample([ONE.charge(9)]).judge()) == [WHOLE]


@pytest.mark.parametrize("by", [1, -1])
def test_an_engine_that_counts_another_number_than_came_fails(by: int) -> None:
    wrong = ONE.book(engine_output_tokens=10 + by)
    assert list_failed(Sample([wrong]).judge()) == [WHOLE]


@pytest.mark.parametrize("by", [1, -1])
def test_a_client_that_gets_another_number_than_was_charged_fails(by: int) -> None:
    assert list_failed(Sample([ONE.see(output_tokens=10 + by)]).judge()) == [WHOLE]


def test_wrong_counts_that_make_up_for_each_other_fail_all_the_same() -> None:
    verdict = Sample([make_whole("one").charge(11), make_whole("two").charge(9)]).judge()
    assert list_failed(verdict) == [WHOLE]
    assert len(list_details(verdict, WHOLE)) == 2


def test_a_gateway_that_counts_too_many_everywhere_is_contradicted_by_client_and_engines() -> None:
    right = Sample([ONE])
    wrong = Sample([ONE.charge(11).book(engine_output_tokens=11)], counts=right.evidence.counts)
    verdict = wrong.judge()
    assert list_failed(verdict) == [WHOLE, ENGINES]
    assert list_details(verdict, WHOLE) == ["one: the client counted 10, the engine 11, the ledger 11 output tokens"]
    assert list_details(verdict, ENGINES) == ["the engines counted 60 output tokens, the ledger allows 61 to 61"]


def test_a_gateway_that_counts_too_few_everywhere_is_contradicted_by_client_and_engines() -> None:
    right = Sample([ONE])
    wrong = Sample([ONE.charge(9).book(engine_output_tokens=9)], counts=right.evidence.counts)
    assert list_failed(wrong.judge()) == [WHOLE, ENGINES]


def test_an_answer_that_the_client_could_not_count_is_not_proven() -> None:
    verdict = Sample([ONE.see(countable=False)]).judge()
    assert list_failed(verdict) == [WHOLE]
    assert list_details(verdict, WHOLE) == [
        "one: its text holds characters that its tokens do not account for: the client can't count them"
    ]


def test_a_whole_answer_whose_engine_s_count_nobody_kept_fails() -> None:
    verdict = Sample([ONE.book(engine_output_tokens=None)], counts=Sample([ONE]).evidence.counts).judge()
    assert WHOLE in list_failed(verdict)
    assert list_details(verdict, WHOLE) == ["one: the ledger does not say what the engine counted"]


@pytest.mark.parametrize("state", ["expired", "open"])
def test_a_whole_answer_that_was_given_away_fails(state: str) -> None:
    given_away = replace(ONE, row=make_expired_row("one", state)).see(told=Told(0, 0, 0, 0))
    verdict = Sample([given_away]).judge()
    assert list_failed(verdict) == [WHOLE]
    assert list_details(verdict, WHOLE) == [f"one: whole, and {state}"]


def test_a_whole_answer_that_the_ledger_does_not_know_fails() -> None:
    verdict = Sample([replace(ONE, row=None)]).judge()
    assert list_failed(verdict) == [WHOLE]
    assert list_details(verdict, WHOLE) == ["one: whole, and unknown to the ledger"]


def test_a_whole_answer_without_a_name_fails() -> None:
    verdict = Sample([replace(ONE, row=None).see(request_id=None)]).judge()
    assert list_details(verdict, WHOLE) == ["no request id: whole, and unknown to the ledger"]


def test_two_whole_answers_of_one_name_are_not_both_paid_for() -> None:
    twice = replace(ONE, row=None)
    verdict = Sample([ONE, twice]).judge()
    assert list_failed(verdict) == [WHOLE]
    assert list_details(verdict, WHOLE) == ["one: whole, and unknown to the ledger"]


def test_a_run_without_a_whole_answer_counted_nothing() -> None:
    verdict = Sample([LEFT], baseline=[make_apart(f"left-{number}") for number in range(5)]).judge()
    assert WHOLE in list_failed(verdict)
    assert list_details(verdict, WHOLE) == ["no answer is whole: nothing was counted"]


# ---- other requests


@pytest.mark.parametrize(("charged", "passes"), [(4, False), (5, True), (8, True), (9, False)])
@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.BROKEN])
def test_a_request_that_ended_early_is_charged_what_came_to_what_was_sent(
    outcome: Outcome, charged: int, passes: bool
) -> None:
    request = make_apart("left", outcome, came=5, charged=charged, sent=8)
    verdict = Sample([ONE, request]).judge()
    assert list_failed(verdict) == ([] if passes else [OTHERS])
    if not passes:
        assert list_details(verdict, OTHERS) == [f"left: 5 tokens came, {charged} were charged, the engine sent 8"]


@pytest.mark.parametrize(("charged", "passes"), [(5, False), (6, True), (7, False)])
def test_a_request_that_the_service_ended_is_charged_exactly_what_came(charged: int, passes: bool) -> None:
    cut = make_apart("cut", Outcome.CUT, came=6, charged=charged, sent=8)
    assert list_failed(Sample([ONE, cut]).judge()) == ([] if passes else [OTHERS])


def test_a_cut_request_that_the_client_could_not_count_has_bounds_alone() -> None:
    cut = make_apart("cut", Outcome.CUT, came=6, charged=7, sent=8).see(countable=False)
    assert list_failed(Sample([ONE, cut]).judge()) == []
    assert list_failed(Sample([ONE, cut.charge(9)]).judge()) == [OTHERS]


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNREACHED])
def test_a_request_that_got_an_error_and_was_charged_fails(outcome: Outcome) -> None:
    charged = make_apart("refused", outcome, came=0, charged=0, sent=0)
    verdict = Sample([ONE, charged]).judge()
    assert list_failed(verdict) == [OTHERS]
    assert list_details(verdict, OTHERS) == [f"refused: {outcome}, and 0.0000032 USD were charged"]


@pytest.mark.parametrize("row", [None, make_row("refused", 0, inputs=0, cached=0), make_expired_row("refused")])
def test_a_request_that_got_an_error_and_cost_nothing_is_right(row: object) -> None:
    assert list_failed(Sample([ONE, make_refused("refused", row)]).judge()) == []  # type: ignore[arg-type]


def test_a_request_whose_hold_went_back_and_that_was_charged_fails() -> None:
    expired = replace(LEFT, row=make_expired_row("left"))
    assert list_failed(Sample([ONE, expired]).judge()) == []
    verdict = Sample([ONE, expired.book(charged=1)]).judge()
    assert list_failed(verdict) == [OTHERS]
    assert list_details(verdict, OTHERS) == ["left: expired, and 0.000000001 USD were charged"]


def test_a_request_of_which_tokens_came_and_that_the_ledger_does_not_know_fails() -> None:
    verdict = Sample([ONE, replace(LEFT, row=None)]).judge()
    assert list_failed(verdict) == [OTHERS]
    assert list_details(verdict, OTHERS) == ["left: 5 tokens came of a request that the ledger does not know"]


@pytest.mark.parametrize("field", ["output_tokens", "engine_output_tokens"])
def test_a_request_of_which_the_ledger_says_too_little_fails(field: str) -> None:
    verdict = Sample([ONE, LEFT.book(**{field: None})]).judge()
    assert OTHERS in list_failed(verdict)
    assert list_details(verdict, OTHERS)[0].startswith("left: settled, and the ledger does not say what ")


def test_a_request_that_is_still_open_fails() -> None:
    verdict = Sample([ONE, replace(LEFT, row=make_expired_row("left", "open"))]).judge()
    assert list_failed(verdict) == [OTHERS]
    assert list_details(verdict, OTHERS) == ["left: open, and the ledger does not say what was charged"]


# ---- charges


@pytest.mark.parametrize("by", [1, -1])
def test_a_charge_that_is_wrong_by_one_nano_dollar_fails(by: int) -> None:
    assert ONE.row
    due = ONE.row.charged
    verdict = Sample([ONE.book(charge=due + by, charged=due + by).tell(charge=due + by)]).judge()
    assert list_failed(verdict) == [CHARGES]
    wrong = format_usd(due + by)
    assert list_details(verdict, CHARGES) == [
        f"one: its tokens cost 0.0000052 USD, {wrong} USD were charged, {wrong} USD were moved"
    ]


def test_a_charge_that_was_moved_twice_fails() -> None:
    assert ONE.row
    assert list_failed(Sample([ONE.book(charged=2 * ONE.row.charged)]).judge()) == [CHARGES]


def test_a_charge_that_was_not_moved_fails() -> None:
    assert list_failed(Sample([ONE.book(charged=0)]).judge()) == [CHARGES]


def test_a_charge_for_one_input_token_more_than_is_paid_fails() -> None:
    assert list_failed(Sample([ONE.book(input_tokens=31).tell(input_tokens=31)]).recount(input_tokens=0).judge()) == [
        CHARGES
    ]


def test_cached_input_that_is_charged_as_other_input_fails() -> None:
    wrong = ONE.book(input_tokens=34, cached_input_tokens=0).tell(input_tokens=34, cached_input_tokens=0)
    assert list_failed(Sample([wrong]).judge()) == [CHARGES]


def test_the_charge_of_a_request_that_ended_early_is_checked_too() -> None:
    assert LEFT.row
    assert list_failed(Sample([ONE, LEFT.book(charged=LEFT.row.charged + 1)]).judge()) == [CHARGES]


@pytest.mark.parametrize("field", ["input_tokens", "cached_input_tokens", "output_tokens", "charge"])
def test_a_receipt_that_says_something_else_than_the_ledger_fails(field: str) -> None:
    assert ONE.record.told
    verdict = Sample([ONE.tell(**{field: getattr(ONE.record.told, field) + 1})]).judge()
    assert list_failed(verdict) == [CHARGES]
    [problem] = list_details(verdict, CHARGES)
    assert problem.startswith("one: the receipt says ")


def test_a_receipt_of_a_request_that_ended_early_is_checked_too() -> None:
    told = CUT.see(told=Told(30, 4, 6, 4_400))
    assert list_failed(Sample([ONE, told]).judge()) == []
    assert list_failed(Sample([ONE, told.tell(output_tokens=7)]).judge()) == [CHARGES]


def test_a_whole_answer_without_a_receipt_fails() -> None:
    verdict = Sample([ONE.see(told=None)]).judge()
    assert list_failed(verdict) == [CHARGES]
    assert list_details(verdict, CHARGES) == ["one: no receipt"]


def test_a_request_that_ended_early_needs_no_receipt() -> None:
    assert list_failed(Sample([ONE, LEFT]).judge()) == []


def test_a_charge_at_a_price_that_the_catalog_does_not_have_fails() -> None:
    verdict = Sample([ONE.book(price_version=2)]).judge()
    assert list_failed(verdict) == [CHARGES]
    assert list_details(verdict, CHARGES) == ["one: charged at version 2 of the price, which the catalog does not have"]


@pytest.mark.parametrize(("tokens", "due"), [(0, 0), (1, 1), (2, 1), (3, 2)])
def test_half_a_nano_dollar_is_rounded_up_once(tokens: int, due: int) -> None:
    row = replace(make_row("one", 0, inputs=tokens, cached=0), charge=due, charged=due)
    record = ONE.see(told=Told(tokens, 0, 0, due)).record
    half = {1: {Unit.INPUT_TOKENS: 500_000, Unit.CACHED_INPUT_TOKENS: 0, Unit.OUTPUT_TOKENS: 0}}
    assert judge_charges(match_cases([record], [row]), half).passed
    assert not judge_charges(match_cases([record], [replace(row, charge=due + 1, charged=due + 1)]), half).passed


def test_every_version_of_a_price_is_known_by_its_number() -> None:
    prices = list_prices(make_catalog(1, 3).models[MODEL])
    tokens = {Unit.INPUT_TOKENS: 100_000_000, Unit.CACHED_INPUT_TOKENS: 50_000_000, Unit.OUTPUT_TOKENS: 200_000_000}
    assert prices == {1: tokens, 3: tokens}


def test_cached_input_without_a_price_of_its_own_costs_what_other_input_costs() -> None:
    model = make_catalog(1).models[MODEL]
    [price] = model.prices
    uncached = {unit: usd for unit, usd in price.usd_per_million.items() if unit != Unit.CACHED_INPUT_TOKENS}
    changed = model.model_copy(update={"prices": [price.model_copy(update={"usd_per_million": uncached})]})
    assert list_prices(changed)[1][Unit.CACHED_INPUT_TOKENS] == 100_000_000


# ---- strangers


def test_a_charge_for_what_nobody_of_this_run_asked_fails() -> None:
    verdict = Sample([ONE], strangers=[make_row("stranger")]).judge()
    assert list_failed(verdict) == [STRANGERS]
    assert list_details(verdict, STRANGERS) == ["stranger: settled, 0.0000052 USD, and no client of this run asked it"]


@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.UNREACHED])
def test_a_request_that_was_never_answered_explains_one_stranger_and_not_two(outcome: Outcome) -> None:
    requests = [ONE, make_nameless(outcome)]
    assert list_failed(Sample(requests, strangers=[make_row("stranger")]).judge()) == []
    assert list_failed(Sample(requests, strangers=[make_row("stranger"), make_row("other")]).judge()) == [STRANGERS]


def test_a_request_that_was_never_answered_costs_what_its_tokens_cost() -> None:
    stranger = make_row("stranger")
    wrong = replace(stranger, charge=stranger.charged + 1, charged=stranger.charged + 1)
    assert list_failed(Sample([ONE, make_nameless()], strangers=[wrong]).judge()) == [CHARGES]


def test_a_request_that_was_answered_with_a_name_explains_no_stranger() -> None:
    assert list_failed(Sample([ONE, make_refused("refused")], strangers=[make_row("stranger")]).judge()) == [STRANGERS]


def test_requests_of_other_accounts_are_no_strangers() -> None:
    assert list_failed(Sample([ONE], strangers=[make_row("other", account="neighbour")]).judge()) == []


# ---- the engines' totals


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("count", ["output_tokens", "input_tokens", "cached_input_tokens"])
def test_engines_that_did_something_else_than_was_charged_fail(count: str, by: int) -> None:
    assert list_failed(Sample([ONE]).recount(**{count: by}).judge()) == [ENGINES]


def test_an_engine_may_find_in_its_cache_what_the_ledger_has_as_read() -> None:
    assert list_failed(Sample([ONE]).recount(input_tokens=-3, cached_input_tokens=3).judge()) == []


@pytest.mark.parametrize(("by", "passes"), [(-1, False), (0, True), (MOST - 8, True), (MOST - 7, False)])
def test_an_engine_may_generate_more_than_it_sent_where_a_request_ended_early_though_no_more_than_was_asked(
    by: int, passes: bool
) -> None:
    verdict = Sample([ONE, LEFT]).recount(output_tokens=by).judge()
    assert list_failed(verdict) == ([] if passes else [ENGINES])


def test_an_engine_may_have_sent_more_than_was_asked_for_if_the_ledger_says_so() -> None:
    beyond = make_apart("left", came=5, charged=6, sent=MOST + 1)
    assert list_failed(Sample([ONE, beyond]).judge()) == []
    assert list_failed(Sample([ONE, beyond]).recount(output_tokens=1).judge()) == [ENGINES]


@pytest.mark.parametrize(("by", "passes"), [(-1, False), (0, True), (HELD_INPUT, True), (HELD_INPUT + 1, False)])
def test_an_engine_may_have_read_the_prompt_of_a_request_whose_hold_went_back(by: int, passes: bool) -> None:
    expired = replace(LEFT, row=make_expired_row("left"))
    verdict = Sample([ONE, expired]).recount(input_tokens=by).judge()
    assert list_failed(verdict) == ([] if passes else [ENGINES])


@pytest.mark.parametrize("account", ["demo", "neighbour"])
def test_what_engines_did_for_others_is_no_excuse(account: str) -> None:
    run = Sample([ONE, make_nameless()], strangers=[make_row("stranger", account=account)])
    assert list_failed(run.judge()) == []
    assert list_failed(run.recount(output_tokens=-1).judge()) == [ENGINES]
    assert list_failed(run.recount(output_tokens=MOST - 10).judge()) == []
    assert list_failed(run.recount(output_tokens=MOST - 9).judge()) == [ENGINES]


@pytest.mark.parametrize("count", ["output_tokens", "input_tokens"])
def test_what_a_lost_engine_did_last_is_in_no_count_and_nothing_more_is_forgiven(count: str) -> None:
    def lose(by: int) -> list[str]:
        sample = Sample([ONE]).recount(**{count: by})
        assert sample.counts
        return list_failed(replace(sample, counts=replace(sample.counts, lost=["engine-2"])).judge())

    assert lose(0) == []
    assert lose(-20) == []
    assert lose(1) == [ENGINES]


def test_a_lost_engine_is_named() -> None:
    sample = Sample([ONE])
    lost = replace(sample.evidence.counts, lost=["10.0.0.7:8000"])
    [check] = [check for check in replace(sample, counts=lost).judge().checks if check.name == ENGINES]
    assert "10.0.0.7:8000" in check.found


def test_without_an_engine_nothing_was_counted() -> None:
    sample = Sample([ONE])
    nobody = replace(sample.evidence.counts, engines=0)
    verdict = replace(sample, counts=nobody).judge()
    assert list_failed(verdict) == [ENGINES]
    assert list_details(verdict, ENGINES) == ["no engine counted anything"]


# ---- the books, and nothing at all


def test_a_problem_in_the_ledger_s_books_fails() -> None:
    verdict = Sample([ONE], problems=["wallets: demo: expected 1, found 2"]).judge()
    assert list_failed(verdict) == [BOOKS]
    assert list_details(verdict, BOOKS) == ["wallets: demo: expected 1, found 2"]


def test_a_run_in_which_nobody_asked_anything_fails() -> None:
    nothing = EngineCounts(0, 0, 0, engines=2, lost=[])
    verdict = Sample([], baseline=[], counts=nothing).judge()
    assert list_failed(verdict) == [ERRORS, LATENCY, WHOLE]


def test_what_a_run_charged_while_its_records_were_lost_is_not_passed() -> None:
    verdict = Sample([], baseline=[], strangers=[make_row("one")]).judge()
    assert not verdict.passed

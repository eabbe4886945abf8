"""Money: three independent counts of every token, and what was charged for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from contract.catalog import CatalogModel
from contract.money import Unit, charge, format_usd
from loadtests.evidence.engines import EngineCounts
from loadtests.evidence.ledger import LedgerRow
from loadtests.records import Outcome, Told
from loadtests.verdict.cases import Case, Cases
from loadtests.verdict.checks import Check, check_none

Prices = Mapping[int, Mapping[Unit, int]]
"""Nano-dollars per 1,000,000 of each unit, by the price's version."""


def list_prices(model: CatalogModel) -> Prices:
    """Return a model's prices. Cached input that has no price of its own costs what other input costs."""
    return {
        price.version: {Unit.CACHED_INPUT_TOKENS: price.usd_per_million.get(Unit.INPUT_TOKENS, 0)}
        | dict(price.usd_per_million)
        for price in model.prices
    }


def judge_finished(cases: Cases) -> Check:
    """Check that client, engine and ledger counted the same output of each whole answer."""
    problems = [f"{case.name}: {problem}" for case in cases.finished for problem in _find_differences(case)]
    if not cases.finished:
        problems = ["no answer is whole: nothing was counted"]
    tokens = sum(case.record.output_tokens for case in cases.finished)
    return check_none(
        "tokens of whole answers",
        problems,
        f"{len(cases.finished)} answers of {tokens} tokens",
        "client, engine and ledger counted the same, each time",
    )


def judge_apart(cases: Cases) -> Check:
    """Check that every other request was charged no less than came, and no more than its engine sent."""
    problems = [f"{case.name}: {problem}" for case in cases.apart for problem in _find_excesses(case)]
    return check_none(
        "tokens of other requests",
        problems,
        f"{len(cases.apart)} requests",
        "what came to the client <= what was charged <= what the engine sent",
    )


def judge_charges(cases: Cases, prices: Prices) -> Check:
    """Check that each charge is what its tokens cost, that as much was moved, and that the receipt says so."""
    charged = [*cases.rows, *cases.strangers]
    problems = [f"{row.request_id}: {problem}" for row in charged for problem in _find_wrong_charge(row, prices)]
    problems += [
        f"{case.name}: the receipt says {_tell(case.record.told)}, the ledger {_tell(_to_told(case.row))}"
        for case in (*cases.finished, *cases.apart)
        if case.row and case.record.told and case.record.told != _to_told(case.row)
    ]
    problems += [f"{case.name}: no receipt" for case in cases.finished if case.record.told is None]
    total = sum(row.charged for row in charged)
    return check_none(
        "charges",
        problems,
        f"{len(charged)} requests for {format_usd(total)} USD",
        "the tokens' price, moved once, as the receipt says",
    )


def judge_strangers(cases: Cases) -> Check:
    """Check that the account was charged for nothing that this run did not ask."""
    problems = []
    if len(cases.strangers) > len(cases.nameless):
        problems = [
            f"{row.request_id}: {row.state}, {format_usd(row.charged)} USD, and no client of this run asked it"
            for row in cases.strangers
        ]
    return check_none(
        "requests of the account that this run did not make",
        problems,
        f"{len(cases.strangers)}",
        f"at most {len(cases.nameless)}, those that were never answered",
    )


def judge_engines(cases: Cases, counts: EngineCounts) -> Check:
    """Check that the engines did what the ledger says, all together, whoever asked.

    An engine goes on until it notices that its client is gone: of requests that ended early it has generated more than
    it sent, though no more than was asked for. What an engine did after its last scrape, before it was lost, nobody
    counted: then only the upper bound holds.
    """
    sent = sum(row.engine_output_tokens or 0 for row in _list_all(cases))
    asked = sum(_list_most(cases))
    read = sum((row.input_tokens or 0) + (row.cached_input_tokens or 0) for row in _list_all(cases))
    unread = sum(row.held_input_tokens for row in _list_all(cases) if not (row.input_tokens or row.cached_input_tokens))
    found_input = counts.input_tokens + counts.cached_input_tokens
    problems = [
        *_find_outside("output tokens", counts.output_tokens, 0 if counts.lost else sent, asked),
        *_find_outside("input tokens", found_input, 0 if counts.lost else read, read + unread),
    ]
    if not counts.engines:
        problems.append("no engine counted anything")
    found = f"{counts.engines} engines: {counts.output_tokens} out, {found_input} in"
    allowed = f"{sent} to {asked} out, {read} to {read + unread} in, as the ledger says"
    if counts.lost:
        found += f"; lost with what they did last: {', '.join(counts.lost)}"
        allowed = f"at most {asked} out, {read + unread} in, as the ledger says"
    return check_none("the engines' own totals", problems, found, allowed)


def judge_books(found: Sequence[str]) -> Check:
    """Check that the ledger proves its books."""
    return check_none("the ledger's books", found, "proven" if not found else "the books", "no problem in any book")


def describe_case(case: Case) -> str:
    """Return what became of a request that did not end as whole answers do, in words."""
    row = case.row
    if row is None:
        return "never admitted"
    if row.state == "expired":
        return "given away: its gateway ended, and its hold went back with its lease"
    charged, sent = row.output_tokens or 0, row.engine_output_tokens or 0
    under_way, unpaid = charged - case.record.output_tokens, sent - charged
    words = [f"{under_way} under way to the client"] * (under_way > 0) + [f"{unpaid} sent, not paid"] * (unpaid > 0)
    return ", ".join(words) or "all that the engine sent came"


def _find_differences(case: Case) -> Iterator[str]:
    record, row = case.record, case.row
    if row is None or row.state != "settled":
        yield f"whole, and {'unknown to the ledger' if row is None else row.state}"
        return
    if not record.countable:
        yield "its text holds characters that its tokens do not account for: the client can't count them"
    if row.engine_output_tokens is None:
        yield "the ledger does not say what the engine counted"
    elif not record.output_tokens == row.engine_output_tokens == row.output_tokens:
        yield (
            f"the client counted {record.output_tokens}, the engine {row.engine_output_tokens}, "
            f"the ledger {row.output_tokens} output tokens"
        )


def _find_excesses(case: Case) -> Iterator[str]:
    record, row = case.record, case.row
    came = record.output_tokens
    if row is None:
        if came:
            yield f"{came} tokens came of a request that the ledger does not know"
        return
    if row.state == "expired":
        if row.charged:
            yield f"expired, and {format_usd(row.charged)} USD were charged"
        return
    charged, sent = row.output_tokens, row.engine_output_tokens
    if charged is None or sent is None:
        yield f"{row.state}, and the ledger does not say what {'was charged' if charged is None else 'the engine sent'}"
    elif record.outcome in (Outcome.REFUSED, Outcome.UNREACHED) and row.charged:
        yield f"{record.outcome}, and {format_usd(row.charged)} USD were charged"
    elif record.outcome is Outcome.CUT and record.countable and came != charged:
        yield f"{came} tokens came until the service ended the stream, {charged} were charged"
    elif not came <= charged <= sent:
        yield f"{came} tokens came, {charged} were charged, the engine sent {sent}"


def _find_wrong_charge(row: LedgerRow, prices: Prices) -> Iterator[str]:
    if row.state != "settled":
        return
    if row.price_version not in prices:
        yield f"charged at version {row.price_version} of the price, which the catalog does not have"
        return
    due = charge(
        {
            Unit.INPUT_TOKENS: row.input_tokens or 0,
            Unit.CACHED_INPUT_TOKENS: row.cached_input_tokens or 0,
            Unit.OUTPUT_TOKENS: row.output_tokens or 0,
        },
        prices[row.price_version],
    )
    if not due == row.charge == row.charged:
        yield (
            f"its tokens cost {format_usd(due)} USD, {format_usd(row.charge or 0)} USD were charged, "
            f"{format_usd(row.charged)} USD were moved"
        )


def _find_outside(what: str, found: int, least: int, most: int) -> Iterator[str]:
    if not least <= found <= most:
        yield f"the engines counted {found} {what}, the ledger allows {least} to {most}"


def _list_most(cases: Cases) -> Iterator[int]:
    """Return how many tokens the engine may have generated for each request."""
    for case in (*cases.finished, *cases.apart):
        if case.row is not None:
            sent = case.row.engine_output_tokens or 0
            whole = case.record.outcome is Outcome.FINISHED
            yield sent if whole else max(sent, case.record.most_output_tokens)
    for row in (*cases.strangers, *cases.others):
        yield max(row.engine_output_tokens or 0, row.held_output_tokens)


def _list_all(cases: Cases) -> Sequence[LedgerRow]:
    return [*cases.rows, *cases.strangers, *cases.others]


def _to_told(row: LedgerRow) -> Told:
    return Told(row.input_tokens or 0, row.cached_input_tokens or 0, row.output_tokens or 0, row.charge or 0)


def _tell(told: Told | None) -> str:
    if told is None:
        return "nothing"
    return (
        f"{told.input_tokens} in, {told.cached_input_tokens} in from the cache, {told.output_tokens} out, "
        f"{format_usd(told.charge)} USD"
    )

"""The ledger's arithmetic against the contract's, for prices and quantities that nobody would think of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.money import LARGEST, PRICED_UNITS, Unit, charge, hold

from .books import Books

LARGEST_PRICE = 10**15
MOST_TOKENS = 10**9

prices = st.one_of(st.integers(0, LARGEST_PRICE), st.integers(0, 10**9), st.sampled_from([0, 1, LARGEST_PRICE]))
quantities = st.one_of(st.integers(0, MOST_TOKENS), st.integers(0, 5_000), st.sampled_from([0, 1, MOST_TOKENS]))


@dataclass(frozen=True)
class Case:
    """A price, what is asked for or was delivered at it, and an amount."""

    inputs: int
    cached: int | None
    outputs: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    amount: int

    def charge(self) -> int:
        prices = {
            Unit.INPUT_TOKENS: self.inputs,
            Unit.CACHED_INPUT_TOKENS: self.inputs if self.cached is None else self.cached,
            Unit.OUTPUT_TOKENS: self.outputs,
        }
        quantities = {
            Unit.INPUT_TOKENS: self.input_tokens,
            Unit.CACHED_INPUT_TOKENS: self.cached_tokens,
            Unit.OUTPUT_TOKENS: self.output_tokens,
        }
        return charge(quantities, prices)

    def hold(self, output_tokens: int) -> int:
        prices = {Unit.INPUT_TOKENS: max(self.inputs, self.cached or 0), Unit.OUTPUT_TOKENS: self.outputs}
        return hold({Unit.INPUT_TOKENS: self.input_tokens, Unit.OUTPUT_TOKENS: output_tokens}, prices)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return a case whose amount is often just what a hold takes, one nano-dollar less or one more."""
    case = Case(
        draw(prices),
        draw(st.none() | prices),
        draw(prices),
        draw(quantities),
        draw(quantities),
        draw(quantities),
        0,
    )
    near = case.hold(case.output_tokens) + draw(st.integers(-1, 1))
    amount = draw(st.one_of(st.just(near), st.integers(0, LARGEST)))
    return Case(**{**vars(case), "amount": max(amount, 0)})


# Postgres' `/` of numerics keeps few decimals of a large quotient: these are a millionth above or below a whole.
BEYOND_DIVISION = [
    Case(LARGEST_PRICE - 1, None, 1, MOST_TOKENS - 1, 0, 0, 0),
    Case(0, None, LARGEST_PRICE - 1, 0, 0, 499_999_999, 0),
    Case(1, None, LARGEST_PRICE, 1, 0, 10**9, 10**18),
]

together = settings(
    max_examples=12, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
batches = st.lists(cases(), min_size=1, max_size=80)


@together
@given(batch=batches)
@example(batch=BEYOND_DIVISION)
def test_a_charge_is_the_contracts(common: Books, batch: list[Case]) -> None:
    assert ask_for_each(common, "billing.compute_charge(price, input_tokens, cached_tokens, output_tokens)", batch) == [
        case.charge() for case in batch
    ]


@together
@given(batch=batches)
@example(batch=BEYOND_DIVISION)
def test_a_hold_is_the_contracts_with_every_input_token_of_the_dearer_kind(common: Books, batch: list[Case]) -> None:
    assert ask_for_each(common, "billing.compute_hold(price, input_tokens, output_tokens)", batch) == [
        case.hold(case.output_tokens) for case in batch
    ]


@together
@given(batch=batches)
@example(batch=BEYOND_DIVISION)
def test_what_is_affordable_is_the_most_output_tokens_whose_hold_fits(common: Books, batch: list[Case]) -> None:
    answers = ask_for_each(common, "billing.compute_affordable(price, input_tokens, amount)", batch)
    for case, most in zip(batch, answers, strict=True):
        if case.outputs == 0:
            assert most is None, case
        elif case.hold(0) > case.amount:
            assert most <= 0, case
        else:
            assert case.hold(int(most)) <= case.amount < case.hold(int(most) + 1), case


@pytest.mark.parametrize("function", ["compute_charge(price, 1, 0, tokens)", "compute_hold(price, 1, tokens)"])
def test_a_cost_that_no_amount_can_hold_is_an_error_and_no_other_number(common: Books, function: str) -> None:
    statement = f"""
        select billing.{function}
        from (select row('m', 1, now(), 1, null, %s::bigint, now())::billing.prices as price, %s as tokens) as p
        """  # noqa: S608 - one of two functions
    assert common.one(statement, 1, LARGEST) == hold({Unit.REQUESTS: 1}, {Unit.REQUESTS: LARGEST + 1})
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        common.one(statement, PRICED_UNITS + 1, LARGEST)


def ask_for_each(common: Books, call: str, batch: list[Case]) -> list[Any]:
    columns = [list(column) for column in zip(*(vars(case).values() for case in batch), strict=True)]
    rows = common.query(
        f"""
        select {call}
        from (
            select *, row('m', 1, now(), inputs, cached, outputs, now())::billing.prices as price
            from unnest(
                %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]
            ) with ordinality
                as c (inputs, cached, outputs, input_tokens, cached_tokens, output_tokens, amount, place)
        ) as cases
        order by place
        """,  # noqa: S608 - one of three functions
        *columns,
    )
    return [value for (value,) in rows]

"""Money is exact: nano-dollars in, nano-dollars out, rounded once."""

import math
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contract.money import LARGEST, Unit, Usd, charge, format_usd, hold, parse_usd

WORDS = (
    'USD as a quoted decimal of at most 9 decimals such as "0.05", without sign or exponent '
    "(quote it: a float loses money)"
)
AMOUNTS = st.integers(min_value=0, max_value=LARGEST)
QUANTITIES = st.dictionaries(st.sampled_from(Unit), st.integers(min_value=0, max_value=10**7))
PRICES = st.fixed_dictionaries({unit: st.integers(min_value=0, max_value=10**12) for unit in Unit})


def exactly(text: str) -> str:
    return rf"\A{re.escape(text)}\Z"


def cost(quantities: dict[Unit, int], prices: dict[Unit, int]) -> Fraction:
    return sum((quantities[unit] * Fraction(prices[unit], 1_000_000) for unit in quantities), start=Fraction())


@given(AMOUNTS)
def test_an_amount_survives_being_written_and_read(nano: int) -> None:
    assert parse_usd(format_usd(nano)) == nano


@given(st.integers(min_value=0, max_value=9_000_000_000), st.text("0123456789", max_size=9))
def test_a_decimal_is_read_exactly(whole: int, fraction: str) -> None:
    text = f"{whole}.{fraction}" if fraction else str(whole)
    assert parse_usd(text) == Fraction(text) * 1_000_000_000


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (50_000_000, "0.05"),
        (200_000_000, "0.20"),
        (1_000_000_000, "1.00"),
        (12_345_000_000, "12.345"),
        (-1, "-0.000000001"),
        (-50_000_000, "-0.05"),
        (-1_500_000_000, "-1.50"),
        (LARGEST, "9223372036.854775807"),
    ],
)
def test_an_amount_is_written_with_two_decimals_or_as_many_as_it_needs(nano: int, text: str) -> None:
    assert format_usd(nano) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1e3",
        ".5",
        "5.",
        "0.0000000001",
        "1,5",
        " 1",
        "1 ",
        "1\n",
        "٣",
        "01",
        "nan",
        "0x1",
        "12345678901",
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=exactly(WORDS)):
        parse_usd(text)


def test_more_than_a_bigint_holds_is_refused() -> None:
    assert parse_usd("9223372036.854775807") == 2**63 - 1
    with pytest.raises(ValueError, match=exactly("at most 9223372036.854775807 USD")):
        parse_usd("9223372036.854775808")


def test_usd_in_a_document_is_read_as_nano_dollars_and_written_back() -> None:
    usd: TypeAdapter[int] = TypeAdapter(Usd)
    assert usd.validate_python("0.2") == 200_000_000
    assert usd.dump_python(200_000_000) == "0.20"
    assert usd.dump_json(200_000_000) == b'"0.20"'


@pytest.mark.parametrize("value", [0.05, 1, True, None, ["0.05"]])
def test_usd_in_a_document_is_refused_unless_quoted(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Usd).validate_python(value)
    assert caught.value.errors()[0]["msg"] == f"Value error, {WORDS}"


def test_the_schema_of_usd_has_the_pattern_that_is_read() -> None:
    schema: dict[str, Any] = TypeAdapter(Usd).json_schema()
    assert schema == {
        "type": "string",
        "pattern": r"^(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?$",
        "patternErrorMessage": WORDS,
    }


@given(QUANTITIES, PRICES)
def test_a_charge_is_the_exact_cost_rounded_half_up(quantities: dict[Unit, int], prices: dict[Unit, int]) -> None:
    assert charge(quantities, prices) == math.floor(cost(quantities, prices) + Fraction(1, 2))


@given(QUANTITIES, PRICES)
def test_a_hold_is_the_exact_cost_rounded_up(quantities: dict[Unit, int], prices: dict[Unit, int]) -> None:
    assert hold(quantities, prices) == math.ceil(cost(quantities, prices))


@given(QUANTITIES, PRICES)
def test_a_hold_covers_its_charge_with_less_than_a_nano_dollar_to_spare(
    quantities: dict[Unit, int], prices: dict[Unit, int]
) -> None:
    assert hold(quantities, prices) - charge(quantities, prices) in (0, 1)


@given(QUANTITIES, QUANTITIES, PRICES)
def test_parts_cost_what_the_whole_costs_but_for_rounding(
    first: dict[Unit, int], second: dict[Unit, int], prices: dict[Unit, int]
) -> None:
    whole = {unit: first.get(unit, 0) + second.get(unit, 0) for unit in Unit}
    assert abs(charge(first, prices) + charge(second, prices) - charge(whole, prices)) <= 1
    assert 0 <= hold(first, prices) + hold(second, prices) - hold(whole, prices) <= 1


def test_a_request_is_rounded_once_and_not_per_unit() -> None:
    prices = {Unit.INPUT_TOKENS: 400_000, Unit.OUTPUT_TOKENS: 400_000}
    assert charge({Unit.INPUT_TOKENS: 1, Unit.OUTPUT_TOKENS: 1}, prices) == 1
    assert hold({Unit.INPUT_TOKENS: 1, Unit.OUTPUT_TOKENS: 1}, prices) == 1


def test_half_a_nano_dollar_is_charged_and_less_is_not() -> None:
    assert charge({Unit.IMAGES: 1}, {Unit.IMAGES: 500_000}) == 1
    assert charge({Unit.IMAGES: 1}, {Unit.IMAGES: 499_999}) == 0
    assert hold({Unit.IMAGES: 1}, {Unit.IMAGES: 1}) == 1


@pytest.mark.parametrize("price", [charge, hold])
def test_units_without_a_price_are_never_free(price: Any) -> None:
    with pytest.raises(ValueError, match=exactly("images: 3 were given, but they have no price")):
        price({Unit.IMAGES: 3}, {Unit.INPUT_TOKENS: 1})


def test_none_of_a_unit_needs_no_price() -> None:
    assert charge({Unit.IMAGES: 0}, {}) == 0


@pytest.mark.parametrize("price", [charge, hold])
def test_negative_quantities_and_prices_are_refused(price: Any) -> None:
    with pytest.raises(ValueError, match=exactly("seconds: a quantity is never negative, but -1 was given")):
        price({Unit.SECONDS: -1}, {Unit.SECONDS: 1})
    with pytest.raises(ValueError, match=exactly("seconds: a price is never negative, but -1 was given")):
        price({}, {Unit.SECONDS: -1})

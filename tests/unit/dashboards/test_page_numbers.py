"""Values are written in their units, short, and as people write them."""

from __future__ import annotations

import math

import pytest

from dashboards.layout import Limit, Unit
from dashboards.page.numbers import SYMBOLS, write_latest, write_limit, write_value
from dashboards.page.readings import Series, is_broken
from dashboards.page.span import Span

# 2027-01-15 08:00:00 UTC
SPAN = Span(begin=1_800_000_000 - 120, end=1_800_000_000, step=60)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, Unit.COUNT, "0"),
        (2, Unit.COUNT, "2"),
        (1234567, Unit.COUNT, "1,234,567"),
        (0.999, Unit.RATIO, "99.9 %"),
        (1, Unit.RATIO, "100 %"),
        (-0.25, Unit.RATIO, "-25 %"),
        (0.07471, Unit.SECONDS, "0.0747 s"),
        (7.9e-06, Unit.USD, "0.0000079 USD"),
        (1e-9, Unit.USD, "0.000000001 USD"),
        (0.5, Unit.USD_PER_HOUR, "0.5 USD/h"),
        (99.94, Unit.TOKENS_PER_SECOND, "99.9 tokens/s"),
        (1234.5, Unit.REQUESTS_PER_SECOND, "1,234 requests/s"),
        (3, Unit.ANSWERS_PER_SECOND, "3 answers/s"),
        (2.5e20, Unit.COUNT, "2.5e+20"),
        (3e-17, Unit.SECONDS, "0 s"),
        (math.nan, Unit.SECONDS, "-"),
    ],
)
def test_a_value_is_written_with_three_digits_and_its_unit(value: float, unit: Unit, text: str) -> None:
    assert write_value(value, unit) == text


def test_every_unit_is_written() -> None:
    assert set(SYMBOLS) == set(Unit)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 2, 3], "3 s"),
        ([1, 2, math.nan], "2 s at 07:59:00"),
        ([1, math.nan, math.nan], "1 s at 07:58:00"),
        ([math.nan] * 3, "-"),
    ],
)
def test_a_latest_value_that_is_old_says_when_it_was(values: list[float], text: str) -> None:
    assert write_latest(Series("name", values), Unit.SECONDS, SPAN) == text


def test_a_latest_value_of_another_day_says_which() -> None:
    span = Span(begin=1_800_000_000 - 86400, end=1_800_000_000, step=43200)
    assert write_latest(Series("name", [1, math.nan, math.nan]), Unit.COUNT, span) == "1 at 2027-01-14 08:00:00"


def test_a_limit_says_what_values_must_be() -> None:
    assert write_limit(Limit(1, "promised"), Unit.SECONDS) == "less than 1 s (promised)"
    assert write_limit(Limit(0, "else overspent", at_least=True), Unit.RATIO) == "at least 0 % (else overspent)"


def test_the_highest_value_is_found_among_gaps() -> None:
    assert Series("name", [math.nan, 3, 1, math.nan]).highest == 3
    assert math.isnan(Series("name", [math.nan]).highest)


@pytest.mark.parametrize(
    ("series", "limit", "broken"),
    [
        (Series("name", [0, 2]), Limit(1, "words"), True),
        (Series("name", [2, 0]), Limit(1, "words"), False),
        # The latest value counts, however old it is.
        (Series("name", [2, math.nan]), Limit(1, "words"), True),
        (Series("name", [math.nan]), Limit(1, "words"), False),
        (Series("name", [2]), None, False),
        # What is allowed is compared with, and breaks nothing itself.
        (Series("name", [2], allowed=True), Limit(1, "words"), False),
    ],
)
def test_a_series_breaks_a_limit_by_its_latest_value(series: Series, limit: Limit | None, broken: bool) -> None:
    assert is_broken(series, limit) is broken

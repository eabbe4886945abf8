"""A model is never priced below what serving it costs."""

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalog import Catalog
from contract.pricing import PoolPrice, cost_floor, find_underpriced

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRICES = st.integers(min_value=0, max_value=10**15)
COUNTS = st.integers(min_value=1, max_value=10**6)

GPU = PoolPrice("gpu", "nvidia-l4", 1_440_000_000)
"""Its floor for the sample model is 0.20 USD: 1.44 USD an hour / (2 x 1000 x 3600) x 1,000,000."""


@given(PRICES, COUNTS, COUNTS)
def test_the_floor_is_the_exact_cost_of_a_million_units_rounded_up(price: int, replicas: int, per_second: int) -> None:
    exact = Fraction(price * 1_000_000, replicas * per_second * 3600)
    assert cost_floor(price, replicas, per_second) == math.ceil(exact)


@given(PRICES, COUNTS, COUNTS)
def test_the_floor_never_rises_with_more_replicas_or_more_speed(price: int, replicas: int, per_second: int) -> None:
    floor = cost_floor(price, replicas, per_second)
    assert cost_floor(price, replicas + 1, per_second) <= floor
    assert cost_floor(price, replicas, per_second + 1) <= floor


def test_the_floor_of_an_l4_at_two_thousand_tokens_a_second_is_eleven_cents() -> None:
    assert cost_floor(804_800_000, 1, 2000) == 111_777_778


@pytest.mark.parametrize("arguments", [(-1, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_floor_of_nothing_is_refused(arguments: tuple[int, int, int]) -> None:
    price, replicas, per_second = arguments
    words = f"; given {price}, {replicas} and {per_second}$"
    with pytest.raises(ValueError, match=words):
        cost_floor(price, replicas, per_second)


def test_a_free_pool_has_no_floor() -> None:
    assert cost_floor(0, 1, 1) == 0


def test_a_model_priced_at_its_floor_is_not_underpriced(catalog_data: dict[str, Any]) -> None:
    assert find_underpriced(Catalog.model_validate(catalog_data), [GPU], NOW) == []


def test_a_model_priced_under_its_floor_is_named_with_the_numbers(catalog_data: dict[str, Any]) -> None:
    catalog_data["models"]["tiny"]["prices"][0]["usd_per_million"]["output_tokens"] = "0.199999999"
    problems = find_underpriced(Catalog.model_validate(catalog_data), [GPU], NOW)
    assert list(map(str, problems)) == [
        (
            "models.tiny.prices[0].usd_per_million.output_tokens: given 0.199999999 USD; allowed: at least 0.20 USD, "
            "the cost floor on pool gpu: 1.44 USD an hour for 2 x 1000 output_tokens a second"
        )
    ]


def test_a_model_is_judged_on_each_pool_it_may_land_on(catalog_data: dict[str, Any]) -> None:
    pools = [
        PoolPrice("dear", "nvidia-l4", 1_440_000_001),
        GPU,
        PoolPrice("small", "cpu", 100_000_000),
        PoolPrice("huge", "nvidia-h100", 10**12),
    ]
    problems = find_underpriced(Catalog.model_validate(catalog_data), pools, NOW)
    assert list(map(str, problems)) == [
        (
            "models.tiny.prices[0].usd_per_million.output_tokens: given 0.20 USD; allowed: at least 0.200000001 USD, "
            "the cost floor on pool dear: 1.440000001 USD an hour for 2 x 1000 output_tokens a second"
        ),
        (
            "models.tiny.prices[0].usd_per_million.output_tokens: given 0.20 USD; allowed: at least 0.277777778 USD, "
            "the cost floor on pool small: 0.10 USD an hour for 1 x 100 output_tokens a second"
        ),
    ]


def test_the_price_in_force_is_judged(catalog_data: dict[str, Any]) -> None:
    catalog_data["models"]["tiny"]["prices"][1]["usd_per_million"]["output_tokens"] = "0.01"
    catalog = Catalog.model_validate(catalog_data)
    assert find_underpriced(catalog, [GPU], NOW) == []
    problems = find_underpriced(catalog, [GPU], NOW + timedelta(days=365))
    assert [problem.field for problem in problems] == ["models.tiny.prices[1].usd_per_million.output_tokens"]


def test_a_model_without_a_price_for_what_it_serves_is_named(catalog_data: dict[str, Any]) -> None:
    catalog_data["models"]["tiny"]["prices"][0]["usd_per_million"] = {"images": "1"}
    problems = find_underpriced(Catalog.model_validate(catalog_data), [PoolPrice("free", "cpu", 0)], NOW)
    assert list(map(str, problems)) == [
        (
            "models.tiny.prices[0].usd_per_million.output_tokens: given nothing; allowed: at least 0.00 USD, "
            "the cost floor on pool free: 0.00 USD an hour for 1 x 100 output_tokens a second"
        )
    ]


def test_a_model_without_a_price_in_force_is_named(catalog_data: dict[str, Any]) -> None:
    problems = find_underpriced(Catalog.model_validate(catalog_data), [GPU], datetime(2025, 1, 1, tzinfo=UTC))
    assert list(map(str, problems)) == [
        (
            "models.tiny.prices: given none before 2026-01-01T00:00:00+00:00; "
            "allowed: a price in force at 2025-01-01T00:00:00+00:00"
        )
    ]


def test_a_model_that_fits_no_pool_is_named(catalog_data: dict[str, Any]) -> None:
    catalog = Catalog.model_validate(catalog_data)
    pools = [PoolPrice("a", "nvidia-h100", 1), PoolPrice("b", "nvidia-t4", 1)]
    assert list(map(str, find_underpriced(catalog, pools, NOW))) == [
        (
            "models.tiny.serving: given nvidia-l4, cpu; "
            "allowed: an accelerator of a pool: nvidia-h100 (pool a), nvidia-t4 (pool b)"
        )
    ]
    assert list(map(str, find_underpriced(catalog, [], NOW))) == [
        "models.tiny.serving: given nvidia-l4, cpu; allowed: an accelerator of a pool, but no pool is declared"
    ]

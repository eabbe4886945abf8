"""The catalog's prices, as the ledger publishes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contract.catalog import Catalog
from contract.documents import read_catalog
from contract.money import Unit, format_usd
from contract.problems import NOTHING, ContractError, Problem

_CHARGED = (Unit.INPUT_TOKENS, Unit.CACHED_INPUT_TOKENS, Unit.OUTPUT_TOKENS)
_REQUIRED = (Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS)

LARGEST_PRICE = 10**15
"""Nano-dollars per 1,000,000 units, so that every product with a request's units fits a bigint."""


@dataclass(frozen=True)
class PublishedPrice:
    """One version of a model's price; amounts are nano-dollars per 1,000,000 units."""

    model: str
    version: int
    effective_from: datetime
    input_tokens: int
    cached_input_tokens: int | None
    """None: cached tokens cost what others do."""
    output_tokens: int


def read_price_list(path: Path) -> list[PublishedPrice]:
    """Return every price of a catalog, each model's oldest first.

    Raises:
        ContractError: the catalog can't be read, or prices units that the ledger does not charge.
    """
    catalog = read_catalog(path)
    problems = list(_find_uncharged(catalog))
    if problems:
        raise ContractError(str(path), problems)
    return [
        PublishedPrice(
            name,
            price.version,
            price.effective_from,
            price.usd_per_million[Unit.INPUT_TOKENS],
            price.usd_per_million.get(Unit.CACHED_INPUT_TOKENS),
            price.usd_per_million[Unit.OUTPUT_TOKENS],
        )
        for name, model in catalog.models.items()
        for price in model.prices
    ]


def _find_uncharged(catalog: Catalog) -> Iterator[Problem]:
    for name, model in catalog.models.items():
        for index, price in enumerate(model.prices):
            field = f"models.{name}.prices[{index}].usd_per_million"
            for unit, nano in price.usd_per_million.items():
                if unit not in _CHARGED:
                    yield Problem(
                        f"{field}.{unit}", "a price", f"prices of {', '.join(_CHARGED)}: no other is charged yet"
                    )
                elif nano > LARGEST_PRICE:
                    yield Problem(
                        f"{field}.{unit}", f"{format_usd(nano)} USD", f"at most {format_usd(LARGEST_PRICE)} USD"
                    )
            for unit in _REQUIRED:
                if unit not in price.usd_per_million:
                    yield Problem(f"{field}.{unit}", NOTHING, "a price: a request is charged by its tokens")

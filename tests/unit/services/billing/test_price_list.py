"""The catalog's prices, as they are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.documents import CATALOG
from contract.problems import ContractError
from services.billing.price_list import read_price_list


def test_every_version_of_every_price_is_listed_in_nano_dollars() -> None:
    (price,) = read_price_list(CATALOG)
    assert (price.model, price.version, price.effective_from.isoformat()) == (
        "smollm2-135m",
        1,
        "2026-01-01T00:00:00+00:00",
    )
    assert (price.input_tokens, price.cached_input_tokens, price.output_tokens) == (
        100_000_000,
        50_000_000,
        200_000_000,
    )


def test_without_a_price_of_their_own_cached_tokens_have_none(tmp_path: Path) -> None:
    (price,) = read_price_list(change(tmp_path, '          cached_input_tokens: "0.05"\n', ""))
    assert price.cached_input_tokens is None


def test_a_unit_that_nobody_charges_is_refused_by_its_field(tmp_path: Path) -> None:
    file = change(tmp_path, 'output_tokens: "0.20"', 'output_tokens: "0.20"\n          images: "1.00"')
    with pytest.raises(ContractError) as refused:
        read_price_list(file)
    assert "models.smollm2-135m.prices[0].usd_per_million.images: given a price; allowed: prices of" in str(
        refused.value
    )


def test_a_model_that_is_not_priced_by_tokens_is_refused(tmp_path: Path) -> None:
    prices = '          input_tokens: "0.10"\n          cached_input_tokens: "0.05"\n          output_tokens: "0.20"\n'
    with pytest.raises(ContractError) as refused:
        read_price_list(change(tmp_path, prices, '          requests: "1.00"\n'))
    for unit in ("requests: given a price", "input_tokens: given nothing", "output_tokens: given nothing"):
        assert f"models.smollm2-135m.prices[0].usd_per_million.{unit}" in str(refused.value)


def test_a_price_whose_products_no_bigint_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"at most 1000000\.00 USD"):
        read_price_list(change(tmp_path, 'output_tokens: "0.20"', 'output_tokens: "1000000.01"'))
    (price,) = read_price_list(change(tmp_path, 'output_tokens: "0.20"', 'output_tokens: "1000000"'))
    assert price.output_tokens == 10**15


def change(folder: Path, old: str, new: str) -> Path:
    """Return a copy of the catalog in which something is otherwise."""
    text = CATALOG.read_text()
    assert text.count(old) == 1
    file = folder / "catalog.yaml"
    file.write_text(text.replace(old, new))
    return file

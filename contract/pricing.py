"""The cost floor: the price below which serving a model loses money."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from contract.catalog import Catalog, Price, Serving
from contract.money import PRICED_UNITS, format_usd
from contract.problems import NOTHING, Problem

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class PoolPrice:
    """What one node of a pool costs."""

    name: str
    """Name of the pool."""
    accelerator: str
    """Type of its accelerators, as the catalog names it."""
    price_per_hour: int
    """Nano-dollars per hour of one node."""


def cost_floor(pool_price_per_hour_nano: int, replicas_per_node: int, per_second: int) -> int:
    """Return what 1,000,000 units cost to serve at saturation, in nano-dollars, rounded up.

    A node serves `replicas_per_node` x `per_second` x 3600 units an hour, so

        floor = price per hour x 1,000,000 / (replicas_per_node x per_second x 3600)

    Args:
        pool_price_per_hour_nano: nano-dollars per hour of one node; 0 or more.
        replicas_per_node: replicas that share the node; 1 or more.
        per_second: units per second of one replica; 1 or more.

    Raises:
        ValueError: an argument below its least.
    """
    if pool_price_per_hour_nano < 0 or replicas_per_node < 1 or per_second < 1:
        raise ValueError(
            "a cost floor needs a price of at least 0, and at least 1 replica and 1 unit per second; "
            f"given {pool_price_per_hour_nano}, {replicas_per_node} and {per_second}"
        )
    units_per_hour = replicas_per_node * per_second * _SECONDS_PER_HOUR
    return -(-pool_price_per_hour_nano * PRICED_UNITS // units_per_hour)


def find_underpriced(catalog: Catalog, pools: Sequence[PoolPrice], moment: datetime) -> list[Problem]:
    """Return every model that would be served at a loss, or cannot be priced or placed, at `moment` (with a zone).

    A model must be priced at or above its floor on *each* pool that has an accelerator it can be served on: nothing
    keeps its replicas off the dearest.
    """
    problems: list[Problem] = []
    for name, model in catalog.models.items():
        price = model.price_at(moment)
        if price is None:
            allowed = f"a price in force at {moment.isoformat()}"
            problems.append(Problem(f"models.{name}.prices", f"none before {_first(model.prices)}", allowed))
        placed = [(serving, pool) for serving in model.serving for pool in pools if _fits(serving, pool)]
        if not placed:
            given = ", ".join(serving.accelerator for serving in model.serving)
            problems.append(Problem(f"models.{name}.serving", given, _list_accelerators(pools)))
        if price:
            field = f"models.{name}.prices[{model.prices.index(price)}].usd_per_million"
            problems.extend(_find_losses(field, price, placed))
    return problems


def _find_losses(field: str, price: Price, placed: Sequence[tuple[Serving, PoolPrice]]) -> Iterator[Problem]:
    for serving, pool in placed:
        floor = cost_floor(pool.price_per_hour, serving.replicas_per_node, serving.per_second)
        given = price.usd_per_million.get(serving.unit)
        if given is not None and given >= floor:
            continue
        allowed = (
            f"at least {format_usd(floor)} USD, the cost floor on pool {pool.name}: {format_usd(pool.price_per_hour)} "
            f"USD an hour for {serving.replicas_per_node} x {serving.per_second} {serving.unit} a second"
        )
        yield Problem(f"{field}.{serving.unit}", NOTHING if given is None else f"{format_usd(given)} USD", allowed)


def _fits(serving: Serving, pool: PoolPrice) -> bool:
    return serving.accelerator == pool.accelerator


def _first(prices: Sequence[Price]) -> str:
    return prices[0].effective_from.isoformat()


def _list_accelerators(pools: Sequence[PoolPrice]) -> str:
    declared = ", ".join(f"{pool.accelerator} (pool {pool.name})" for pool in pools)
    return f"an accelerator of a pool: {declared}" if declared else "an accelerator of a pool, but no pool is declared"

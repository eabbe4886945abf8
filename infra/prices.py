"""The refusal to provision an environment that would sell below its cost."""

from __future__ import annotations

import datetime as dt

import pulumi

from contract.catalog import Catalog
from contract.pricing import PoolPrice, find_underpriced
from contract.problems import ContractError
from infra.settings import Settings


def refuse_underpriced(catalog: Catalog, settings: Settings, moment: dt.datetime) -> None:
    """Check every model of the catalog against the environment's pools.

    Raises:
        RunError: a model has no price in force at `moment`, no pool to run on, or costs less than it takes to serve.
    """
    pools = [
        PoolPrice(name=pool.name, accelerator=pool.accelerator, price_per_hour=pool.price_per_hour)
        for pool in settings.gpu_pools
    ]
    problems = find_underpriced(catalog, pools, moment)
    if problems:
        raise pulumi.RunError(str(ContractError("stacks/catalog.yaml", problems)))

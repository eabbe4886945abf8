"""What a run is told: the environment by its outputs, and who pays."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.catalog import Catalog
from contract.documents import read_catalog, read_slos
from contract.outputs import Outputs
from contract.problems import NOTHING, ContractError, Problem, describe_given, list_allowed
from contract.slo import Slos
from contract.stack import ask_outputs

RESULTS = Path(__file__).resolve().parent.parent / "results"
"""Where runs keep what came of them."""
DEFAULT_SEED = 1


@dataclass(frozen=True)
class Settings:
    """Everything that a run needs to know."""

    outputs: Outputs
    catalog: Catalog
    slos: Slos
    model: str
    """The model that is asked."""
    key: str
    """The key of the account that pays."""
    seed: int
    results: Path


def read_settings(variables: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a run, from its environment variables, the stack's outputs and `stacks/`.

    Variables: ENV (default `local`), OPENAI_API_KEY, MODEL (default: the catalog's first), SEED (default 1), RESULTS.

    Raises:
        ContractError: one of them can't be used; the text says which, what was given and what is allowed.
    """
    catalog = read_catalog()
    return Settings(
        seed=_read_seed(variables.get("SEED") or str(DEFAULT_SEED)),
        model=_read_model(variables.get("MODEL") or next(iter(catalog.models)), catalog),
        key=_read_key(variables.get("OPENAI_API_KEY") or ""),
        results=Path(variables.get("RESULTS") or RESULTS),
        catalog=catalog,
        slos=read_slos(),
        outputs=ask_outputs(variables.get("ENV") or "local"),
    )


def _read_seed(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ContractError("SEED", [Problem("", describe_given(text), "an integer of at least 0, of 1 to 18 digits")])
    return int(text)


def _read_model(name: str, catalog: Catalog) -> str:
    if name not in catalog.models:
        raise ContractError("MODEL", [Problem("", describe_given(name), list_allowed(catalog.models, name))])
    return name


def _read_key(key: str) -> str:
    if not key:
        allowed = "the key of an account, which `source offline/activate` sets on this machine"
        raise ContractError("OPENAI_API_KEY", [Problem("", NOTHING, allowed)])
    return key

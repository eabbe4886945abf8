"""Traffic shapes, one a file: its docstring says how long it takes, how many users it has and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.problems import ContractError, Problem, describe_given, list_allowed
from loadtests.shapes.smoke import Smoke
from loadtests.shapes.stages import StagedShape

SHAPES: Final[Mapping[str, type[StagedShape]]] = {"smoke": Smoke}


def find_shape(name: str) -> type[StagedShape]:
    """Return the shape of a name; ContractError where there is none."""
    if name not in SHAPES:
        raise ContractError("SHAPE", [Problem("", describe_given(name), list_allowed(SHAPES, name))])
    return SHAPES[name]

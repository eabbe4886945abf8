"""The files that are generated: which there are, and what is in each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contract.documents import read_slos
from dashboards.grafana import render_dashboard
from dashboards.rules import render_rules

GENERATED = Path(__file__).resolve().parent / "generated"
"""Where they lie."""

FILES: dict[str, Callable[[], str]] = {
    "gateway.json": lambda: render_dashboard(read_slos()),
    "rules.yaml": lambda: render_rules(read_slos()),
}
"""What returns the text of each."""


def render_files() -> dict[str, str]:
    """Return the text of every file by its name.

    Raises:
        ContractError: what is in `stacks/` can't be used.
    """
    return {name: render() for name, render in FILES.items()}

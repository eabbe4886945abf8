"""What load tests leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LATENCY = "latency: first token"
"""The check that fails, too, where this machine does something else meanwhile; no test of the chain is about it."""


def read_verdict(folder: Path) -> dict[str, Any]:
    """Return the verdict of the only run whose results lie in a folder."""
    found: dict[str, Any] = json.loads((_find_results(folder) / "verdict.json").read_text())
    return found


def read_page(folder: Path) -> str:
    """Return the page of that run."""
    return (_find_results(folder) / "page.html").read_text()


def _find_results(folder: Path) -> Path:
    [results] = folder.glob("*-local-smoke")
    return results

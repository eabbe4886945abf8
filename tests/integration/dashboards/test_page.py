"""Prometheus understands every query of the dashboard."""

from __future__ import annotations

from pathlib import Path

from contract.documents import read_slos
from dashboards.layout import RATE_INTERVAL
from dashboards.panels import list_rows
from tests.promtool import Promtool, check_queries

QUERIES = [
    query.expression.replace(RATE_INTERVAL, "20s")
    for row in list_rows(read_slos())
    for panel in row.panels
    for query in panel.queries
]


def _check(promtool: Promtool, folder: Path, queries: list[str]) -> str:
    """Return what promtool says of those that it does not understand."""
    checked = check_queries(promtool, folder, queries)
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


def test_every_query_is_understood(promtool: Promtool, tmp_path: Path) -> None:
    assert len(QUERIES) > 20
    assert _check(promtool, tmp_path, QUERIES) == ""


def test_a_query_that_is_none_is_found(promtool: Promtool, tmp_path: Path) -> None:
    assert "parse error" in _check(promtool, tmp_path, [*QUERIES, "sum by (model (up)"])

"""Prometheus' own tool reads every query of every page."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.library import read_pages
from runbooks.page import Page, Query, Verify
from runbooks.repository import OURS
from tests.promtool import Promtool, check_queries, make_promtool


@pytest.fixture(scope="module")
def promtool() -> Promtool:
    return make_promtool()


def list_expressions(page: Page) -> list[str]:
    blocks = [block for section in page.sections for block in section.blocks]
    return [block.expr for block in blocks if isinstance(block, Query | Verify)]


def test_queries_of_pages_are_promql(tmp_path: Path, promtool: Promtool) -> None:
    expressions = [expression for page in read_pages(OURS).values() for expression in list_expressions(page)]

    checked = check_queries(promtool, tmp_path, expressions)

    assert expressions
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


def test_a_query_that_is_none_is_found(tmp_path: Path, promtool: Promtool) -> None:
    assert check_queries(promtool, tmp_path, ["up", "sum("]).returncode != 0

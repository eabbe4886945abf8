"""The pages of this repository: each has an alert and each alert has one, and they ask for what is recorded."""

from __future__ import annotations

import re

import pytest
import yaml

from dashboards import series
from runbooks.library import read_pages
from runbooks.page import Page, Playbook, Query, Verify
from runbooks.repository import OURS

PAGES = read_pages(OURS)
RULES = yaml.safe_load((OURS.root / "dashboards" / "generated" / "rules.yaml").read_text())["groups"]


def list_expressions(page: Page) -> list[str]:
    blocks = [block for section in page.sections for block in section.blocks]
    return [block.expr for block in blocks if isinstance(block, Query | Verify)]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    alerts = {rule["alert"] for group in RULES for rule in group["rules"] if "alert" in rule}

    assert alerts == set(PAGES)
    assert OURS.pages == OURS.root / series.RUNBOOKS


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_asks_only_for_series_that_are_recorded(name: str) -> None:
    recorded = {rule["record"] for group in RULES for rule in group["rules"] if "record" in rule}
    asked = {
        found
        for expression in list_expressions(PAGES[name])
        for found in re.findall(r"\b(?:faregate|slo):[a-z_:0-9]+(?:\.\+)?", expression)
    }

    assert asked
    known = [*recorded, series.REPLICAS_WANTED]  # which the playbook records
    assert [pattern for pattern in asked if not any(re.fullmatch(pattern, one) for one in known)] == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_of_use_at_night(name: str) -> None:
    page = PAGES[name]
    kinds = [type(block) for section in page.sections for block in section.blocks if not isinstance(block, str)]

    assert page.summary.endswith(".")
    assert Query in kinds
    assert kinds.count(Playbook) == 1

"""What is shown can be read, asked, and acted upon."""

from __future__ import annotations

import re

import pytest

from contract.documents import read_slos
from contract.slo import Slos
from dashboards.layout import RATE_INTERVAL, Limit, Panel
from dashboards.panels import list_rows
from dashboards.series import BUDGET_LEFT, OBJECTIVE, REPLICAS_UP, REPLICAS_WANTED, error_ratio
from services.gateway.metrics import Metrics

PANELS = [panel for row in list_rows(read_slos()) for panel in row.panels]
QUERIES = [query.expression for panel in PANELS for query in panel.queries]
RECORDED = {BUDGET_LEFT, OBJECTIVE, REPLICAS_UP, REPLICAS_WANTED, error_ratio("5m")}
OF_GATEWAYS = {
    line.split()[2] + suffix
    for line in Metrics(["tiny"]).write().decode().splitlines()
    if line.startswith("# TYPE")
    for suffix in ("", "_bucket")
}


def make_slos(*milliseconds: int, quantity: str = "first_token", service: str = "gateway") -> Slos:
    return Slos.model_validate(
        {
            "slos": {
                f"slo-{threshold}": {
                    "description": "Quick.",
                    "service": service,
                    "objective": "99",
                    "window_days": 30,
                    "indicator": {
                        "kind": "latency",
                        "quantity": quantity,
                        "threshold_ms": threshold,
                        "baseline_multiple": 3,
                    },
                }
                for threshold in milliseconds
            }
        }
    )


def find_panel(title: str, slos: Slos) -> Panel:
    [panel] = [panel for row in list_rows(slos) for panel in row.panels if panel.title == title]
    return panel


def test_what_is_asked_first_comes_first() -> None:
    assert [row.title for row in list_rows(read_slos())] == ["Service", "Engines", "Money", "Load balancer"]


def test_every_panel_has_its_own_title_a_description_and_queries() -> None:
    assert len({panel.title for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel.queries
        assert re.fullmatch(r"[A-Z].*\..*\.", panel.description), "what it means, and what to do: two sentences"


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_only_what_somebody_measures_or_records(query: str) -> None:
    for name in re.findall(r"faregate_gateway_\w+", query):
        assert name in OF_GATEWAYS, name
    for name in re.findall(r"\b(?:slo|faregate):[\w:]+", query):
        assert name in RECORDED, name


@pytest.mark.parametrize("query", QUERIES)
def test_a_rate_is_over_the_time_that_whoever_asks_puts_in(query: str) -> None:
    assert [window for window in re.findall(r"rate\([^\[]*\[([^\]]*)\]", query) if window != RATE_INTERVAL] == []


def test_everything_that_is_recorded_for_the_dashboard_is_shown() -> None:
    assert sorted(name for name in RECORDED if not any(name in query for query in QUERIES)) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_series_of_a_panel_can_be_told_apart(panel: Panel) -> None:
    assert len({query.legend for query in panel.queries}) == len(panel.queries)
    for query in panel.queries:
        for labels in re.findall(r"by \((\w+)\)", query.expression):
            # Buckets of a histogram end in one value.
            assert labels == "le" or f"{{{{{labels}}}}}" in query.legend


def test_the_limit_of_the_first_byte_is_the_strictest_threshold() -> None:
    assert find_panel("First byte", make_slos(1500, 800, 2000)).limit == Limit(0.8, "threshold of slo-800")


@pytest.mark.parametrize(
    "slos", [make_slos(500, quantity="whole_request"), make_slos(500, service="other")], ids=["quantity", "service"]
)
def test_the_first_byte_has_no_limit_where_none_is_promised(slos: Slos) -> None:
    assert find_panel("First byte", slos).limit is None


@pytest.mark.parametrize(("value", "broken"), [(0.9, False), (1, True), (1.1, True)])
def test_a_limit_is_broken_where_it_is_reached(value: float, broken: bool) -> None:
    assert Limit(1, "words").is_broken(value) is broken


@pytest.mark.parametrize(("value", "broken"), [(-0.1, True), (0, False), (0.1, False)])
def test_a_limit_that_must_be_reached_is_broken_below(value: float, broken: bool) -> None:
    assert Limit(0, "words", at_least=True).is_broken(value) is broken

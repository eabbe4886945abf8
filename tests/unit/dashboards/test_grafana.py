"""Grafana is told the same as everybody else: each panel with its queries, unit and legends."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from contract.documents import read_slos
from dashboards.generated import render_files
from dashboards.grafana import UID, UNITS, render_dashboard
from dashboards.layout import Kind, Panel, Unit
from dashboards.panels import TITLE, list_rows
from tests.unit.dashboards.test_panels import make_slos

ROWS = list_rows(read_slos())
PANELS = [panel for row in ROWS for panel in row.panels]
DASHBOARD: dict[str, Any] = json.loads(render_dashboard(read_slos()))
SHOWN: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

pairs = pytest.mark.parametrize(
    ("panel", "shown"), list(zip(PANELS, SHOWN, strict=True)), ids=[panel.title for panel in PANELS]
)


def test_the_dashboard_says_who_writes_it() -> None:
    assert (DASHBOARD["title"], DASHBOARD["uid"]) == (TITLE, UID)
    assert "python -m dashboards" in DASHBOARD["description"]
    assert "DO NOT EDIT" in DASHBOARD["description"]
    assert DASHBOARD["editable"] is False
    assert DASHBOARD["tags"]


def test_the_dashboard_shows_the_last_hour_and_is_refreshed() -> None:
    assert DASHBOARD["time"] == {"from": "now-1h", "to": "now"}
    assert DASHBOARD["refresh"] == "10s"


def test_the_viewer_chooses_the_prometheus() -> None:
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert [panel["datasource"] for panel in SHOWN] == [SOURCE] * len(SHOWN)
    assert {json.dumps(target["datasource"]) for panel in SHOWN for target in panel["targets"]} == {json.dumps(SOURCE)}


def test_rows_and_panels_are_there_in_order() -> None:
    expected = [title for row in ROWS for title in (row.title, *(panel.title for panel in row.panels))]
    assert [panel["title"] for panel in DASHBOARD["panels"]] == expected


@pairs
def test_a_panel_asks_each_query_and_calls_it_as_its_legend_says(panel: Panel, shown: dict[str, Any]) -> None:
    told = [(target["expr"], target["legendFormat"], target["range"]) for target in shown["targets"]]
    assert told == [(query.expression, query.legend, True) for query in panel.queries]
    names = [target["refId"] for target in shown["targets"]]
    assert len(set(names)) == len(names)


@pairs
def test_a_panel_has_its_description_and_says_what_it_means_that_there_is_nothing(
    panel: Panel, shown: dict[str, Any]
) -> None:
    assert shown["description"] == panel.description
    assert shown["fieldConfig"]["defaults"]["noValue"] == panel.nothing


@pairs
def test_a_panel_is_of_its_kind_and_has_its_unit(panel: Panel, shown: dict[str, Any]) -> None:
    assert shown["type"] == {Kind.LINES: "timeseries", Kind.NUMBERS: "stat"}[panel.kind]
    assert shown["fieldConfig"]["defaults"]["unit"] == UNITS[panel.unit]


@pairs
def test_values_on_the_wrong_side_of_a_limit_are_red(panel: Panel, shown: dict[str, Any]) -> None:
    steps = [(step["value"], step["color"]) for step in shown["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    if panel.limit is None:
        assert steps == [(None, "green")]
    else:
        # Grafana colours a value as the last step says that it reaches; the first one is below everything.
        colors = ["red" if panel.limit.is_broken(panel.limit.value + by) else "green" for by in (-1e-10, 0)]
        assert steps == [(None, colors[0]), (panel.limit.value, colors[1])]
        assert len(set(colors)) == 2


@pairs
def test_a_limit_is_a_line_where_values_are_lines(panel: Panel, shown: dict[str, Any]) -> None:
    if panel.kind is Kind.LINES:
        style = shown["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"]
        assert style == ("dashed" if panel.limit else "off")


@pairs
def test_what_is_allowed_is_dashed(panel: Panel, shown: dict[str, Any]) -> None:
    dashed = {
        override["matcher"]["options"]
        for override in shown["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "custom.lineStyle" and item["value"]["fill"] == "dash"
    }
    names = [target["refId"] for target in shown["targets"]]
    assert dashed == {name for name, query in zip(names, panel.queries, strict=True) if query.allowed}


def test_every_unit_has_a_name_of_its_own() -> None:
    assert set(UNITS) == set(Unit)
    assert len(set(UNITS.values())) == len(Unit)


def test_no_two_panels_have_the_same_id() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 0


def test_no_panel_lies_on_another_or_leaves_the_grid() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] + place["w"] <= 24
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_panels_lie_below_the_title_of_their_row() -> None:
    places = {panel["title"]: panel["gridPos"]["y"] for panel in DASHBOARD["panels"]}
    for row, following in zip(ROWS, [*ROWS[1:], None], strict=True):
        for panel in row.panels:
            assert places[row.title] < places[panel.title]
            assert following is None or places[panel.title] < places[following.title]


def test_what_is_promised_is_shown() -> None:
    [panel] = [
        panel for panel in json.loads(render_dashboard(make_slos(700)))["panels"] if panel["title"] == "First byte"
    ]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1] == {"color": "red", "value": 0.7}


def test_the_file_is_the_same_whoever_writes_it() -> None:
    program = (
        "import sys; from contract.documents import read_slos; from dashboards.grafana import render_dashboard;"
        "sys.stdout.write(render_dashboard(read_slos()))"
    )
    written = subprocess.run(
        # Warnings are errors: the SDK's of its own classes must reach nobody.
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env={"PYTHONHASHSEED": "7"},
    )
    assert written.stdout == render_dashboard(read_slos())
    assert written.stdout.endswith("}\n")


def test_the_dashboard_is_among_the_generated_files() -> None:
    assert render_files()["gateway.json"] == render_dashboard(read_slos())

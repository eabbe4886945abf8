"""What Prometheus says is shown: in the terminal, and as a page that shows it as text and needs no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract.outputs import Outputs
from dashboards.page import __main__ as command
from dashboards.page.__main__ import main
from dashboards.panels import TITLE
from tests.unit.dashboards.drawn import PANELS, ROWS, find_page
from tests.unit.dashboards.fake_prometheus import Answer, FakePrometheus
from tests.unit.outputs import OUTPUTS

pytestmark = pytest.mark.usefixtures("asked")

EVIL = "<script>alert(1)</script>[/red][bold]&\x1b[31m\"'$x^{2$"
EVIL_TEXT = "<script>alert(1)</script>[/red][bold]&\\x1b[31m\"'$x^{2$"


@pytest.fixture
def healthy(prometheus: FakePrometheus) -> FakePrometheus:
    prometheus.answers = {
        "requests_total": [Answer({"status": "2xx"}, ["7", "3.5"]), Answer({"status": "5xx"}, ["0.25", None, None])],
        "histogram_quantile(0.99": [Answer({}, ["0.5", "NaN", "2"])],
        "error_budget_left": [Answer({"slo": "gateway-availability"}, ["0.5", "-0.125"])],
        "charged": [Answer({"model": "tiny"}, ["0.0125"])],
    }
    return prometheus


@pytest.mark.usefixtures("healthy")
def test_values_are_on_the_page(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path)], {}) == 0
    page = find_page(tmp_path)
    assert "2xx 3.5 requests/s 7 requests/s" in page.panels["Requests by status"]
    assert re.search(r"5xx 0\.25 requests/s at [\d: -]+ 0\.25 requests/s", page.panels["Requests by status"])
    assert "p99 2 s (!) 2 s less than 1 s (threshold of gateway-first-token)" in page.panels["First byte"]
    assert "gateway-availability -12.5 % (!) 50 % at least 0 %" in page.panels["Error budget left"]
    assert "tiny 0.0125 USD/h" in page.panels["Charged"]


@pytest.mark.usefixtures("healthy")
def test_values_are_in_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--output", str(tmp_path)], {})
    printed = capsys.readouterr().out
    lines = [" ".join(line.replace("│", " ").split()) for line in printed.splitlines()]
    assert "Requests by status 2xx 3.5 requests/s" in lines
    assert any(re.fullmatch(r"5xx 0\.25 requests/s at [\d: -]+", line) for line in lines)
    assert "First byte p99 2 s (!) less than 1 s (threshold of gateway-first-token)" in lines
    assert "Error budget left gateway-availability -12.5 % (!) at least 0 % (else overspent)" in lines
    assert "Charged tiny 0.0125 USD/h" in lines
    assert "\x1b" not in printed


def test_the_terminal_says_where_the_page_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--output", str(tmp_path)], {})
    [path] = tmp_path.glob("*/page.html")
    assert capsys.readouterr().out.endswith(f"page: {path}\n")


@pytest.mark.usefixtures("healthy")
def test_every_row_and_panel_is_on_the_page_in_order(tmp_path: Path) -> None:
    main(["--output", str(tmp_path)], {})
    page = find_page(tmp_path)
    assert list(page.panels) == [panel.title for panel in PANELS]
    for panel in PANELS:
        assert panel.description in page.panels[panel.title]
    assert re.findall("<h2>(.*)</h2>", page.source) == [row.title for row in ROWS]


def test_the_page_says_of_what_it_is(prometheus: FakePrometheus, tmp_path: Path) -> None:
    main(["--output", str(tmp_path), "--minutes", "1440"], {})
    head = find_page(tmp_path).head
    [asked, *_] = prometheus.asked
    assert TITLE in head
    assert "environment local , instance blue ;" in head
    assert f"a value every {asked['step']} s, rates over {int(asked['step']) + 5} s" in head
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d to \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", head)
    assert 1430 * 60 < int(asked["end"]) - int(asked["start"]) <= 1440 * 60


def test_an_environment_without_an_instance_has_a_page_too(
    prometheus: FakePrometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "instance"}
    monkeypatch.setattr(
        command, "ask_outputs", lambda _: Outputs.model_validate({**outputs, "metrics_url": prometheus.url})
    )
    assert main(["--output", str(tmp_path)], {}) == 0
    assert "instance" not in find_page(tmp_path).head


@pytest.mark.usefixtures("healthy")
def test_a_panel_without_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--output", str(tmp_path)], {})
    page = find_page(tmp_path)
    assert page.panels["Error ratio"].endswith(" no data")
    assert page.panels["Firing alerts"].endswith(" none fires, or no rule is loaded")
    assert page.elements.count("svg") == 4
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Error ratio - no data" in printed
    assert "Firing alerts - none fires, or no rule is loaded" in printed


def test_what_is_allowed_is_shown_beside(prometheus: FakePrometheus, tmp_path: Path) -> None:
    prometheus.answers = {"slo:objective": [Answer({"slo": "gateway-availability"}, ["0.001"])]}
    main(["--output", str(tmp_path)], {})
    assert "gateway-availability: allowed 0.1 % 0.1 %" in find_page(tmp_path).panels["Error ratio"]


# ---- what somebody else named


def test_what_somebody_else_named_is_text(
    prometheus: FakePrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus.answers = {"ALERTS": [Answer({"alertname": EVIL}, ["1"])]}
    main(["--output", str(tmp_path)], {})
    page = find_page(tmp_path)
    assert f"{EVIL_TEXT} 1 (!)" in page.panels["Firing alerts"]
    assert "script" not in page.elements
    [svg] = re.findall("<svg.*?</svg>", page.source, re.DOTALL)
    assert "alert(1)" not in svg
    printed = capsys.readouterr().out
    assert EVIL_TEXT in printed
    assert "\x1b" not in printed


@pytest.mark.usefixtures("healthy")
def test_the_page_needs_no_other(tmp_path: Path) -> None:
    main(["--output", str(tmp_path)], {})
    page = find_page(tmp_path)
    assert page.elements.count("svg") == 4
    assert not {"a", "base", "iframe", "img", "link", "object", "script"} & set(page.elements)
    assert [value for value in re.findall(r'(?:src|href)="([^"]*)"', page.source) if value[0] != "#"] == []
    assert re.findall(r"url\((?!#)", page.source) == []
    assert "@import" not in page.source.split("</head>")[0]

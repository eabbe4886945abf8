"""The command draws what Prometheus says: in the terminal, and as a page that shows it as text and needs no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from contract.documents import read_slos
from contract.outputs import Outputs
from contract.problems import ContractError, Problem
from dashboards.page import __main__ as command
from dashboards.page.__main__ import DEFAULT_MINUTES, MOST_MINUTES, RESULTS, main
from dashboards.page.document import write_page
from dashboards.page.screen import follow
from dashboards.panels import TITLE, list_rows
from tests.unit.dashboards.fake_prometheus import Answer, FakePrometheus
from tests.unit.outputs import OUTPUTS

ROWS = list_rows(read_slos())
PANELS = [panel for row in ROWS for panel in row.panels]
EVIL = "<script>alert(1)</script>[/red][bold]&\x1b[31m\"'$x^{2$"
EVIL_TEXT = "<script>alert(1)</script>[/red][bold]&\\x1b[31m\"'$x^{2$"


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, and the text of each panel."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.panels: dict[str, str] = {}
        self._tag, self._words = "", [""]
        self.source = path.read_text()
        self.feed(self.source)
        self.close()
        for section in self._words[1:]:
            [title] = [panel.title for panel in PANELS if section.startswith(f"{panel.title} ")]
            self.panels[title] = section

    @property
    def head(self) -> str:
        """The text before the first panel."""
        return self._words[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.elements.append(tag)
        self.attributes.update(attrs)
        if tag == "section":
            self._words.append("")

    def handle_data(self, data: str) -> None:
        if self._tag != "style":
            self._words[-1] = " ".join(f"{self._words[-1]} {data}".split())


@pytest.fixture(autouse=True)
def asked(prometheus: FakePrometheus, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the environments whose outputs were asked for; their Prometheus is the test's."""
    asked: list[str] = []

    def ask_outputs(environment: str) -> Outputs:
        asked.append(environment)
        return Outputs.model_validate({**OUTPUTS, "environment": environment, "metrics_url": prometheus.url})

    monkeypatch.setattr(command, "ask_outputs", ask_outputs)
    return asked


@pytest.fixture
def healthy(prometheus: FakePrometheus) -> FakePrometheus:
    prometheus.answers = {
        "requests_total": [Answer({"status": "2xx"}, ["7", "3.5"]), Answer({"status": "5xx"}, ["0.25", None, None])],
        "histogram_quantile(0.99": [Answer({}, ["0.5", "NaN", "2"])],
        "error_budget_left": [Answer({"slo": "gateway-availability"}, ["0.5", "-0.125"])],
        "charged": [Answer({"model": "tiny"}, ["0.0125"])],
    }
    return prometheus


def find_page(folder: Path) -> Page:
    [path] = folder.glob("*/*")
    assert re.fullmatch(r"\d{8}-\d{6}-[a-z]+-dashboard", path.parent.name)
    assert path.name == "page.html"
    return Page(path)


def fail(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments, {}) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told.removeprefix("error: ").rstrip()


# ---- what is shown


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


def test_what_is_allowed_breaks_no_limit(prometheus: FakePrometheus, tmp_path: Path) -> None:
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


# ---- what is asked for


@pytest.mark.parametrize(
    ("arguments", "variables", "environment"),
    [
        ([], {}, "local"),
        ([], {"ENV": ""}, "local"),
        ([], {"ENV": "dev"}, "dev"),
        (["--env", "prod"], {"ENV": "dev"}, "prod"),
    ],
)
def test_an_environment_is_named_by_option_or_variable(
    arguments: list[str],
    variables: dict[str, str],
    environment: str,
    asked: list[str],
    tmp_path: Path,
) -> None:
    assert main([*arguments, "--output", str(tmp_path)], variables) == 0
    assert asked == [environment]
    [folder] = tmp_path.iterdir()
    assert folder.name.endswith(f"-{environment}-dashboard")


@pytest.mark.parametrize(("minutes", "least"), [("1", 0), (str(MOST_MINUTES), 29 * 86400), (None, 59 * 60)])
def test_so_many_minutes_are_asked_for(
    minutes: str | None, least: int, prometheus: FakePrometheus, tmp_path: Path
) -> None:
    arguments = ["--minutes", minutes] if minutes else []
    assert main(["--output", str(tmp_path), *arguments], {}) == 0
    [length] = {int(asked["end"]) - int(asked["start"]) for asked in prometheus.asked}
    assert least < length <= 60 * int(minutes or DEFAULT_MINUTES)


@pytest.mark.parametrize("minutes", ["0", "-1", "43201", "1.5", "", " 5", "an hour", "9" * 30, "\N{SUPERSCRIPT TWO}"])
def test_minutes_that_can_t_be_shown_are_refused(
    minutes: str, asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = fail([f"--minutes={minutes}", "--output", str(tmp_path)], capsys)
    assert told == f"--minutes: given {minutes!r} (a string); allowed: an integer from 1 to 43200"
    assert asked == []


def test_pages_lie_beside_load_tests() -> None:
    assert Path(command.__file__).parents[2] / "results" == RESULTS


# ---- what goes wrong


def test_an_environment_that_is_not_up_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask_outputs(environment: str) -> Outputs:
        raise ContractError(f"outputs of {environment}", [Problem("pulumi", "nothing", "the CLI on PATH")])

    monkeypatch.setattr(command, "ask_outputs", ask_outputs)
    assert fail(["--output", str(tmp_path)], capsys) == (
        "outputs of local: pulumi: given nothing; allowed: the CLI on PATH"
    )


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"<html>welcome</html>", "an answer that is not Prometheus'"),
        (400, b'{"error": "parse error"}', "refused: parse error"),
    ],
)
def test_a_prometheus_that_can_t_be_used_is_told_and_no_page_is_left(
    status: int,
    body: bytes,
    why: str,
    prometheus: FakePrometheus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prometheus.status, prometheus.body = status, body
    told = fail(["--output", str(tmp_path)], capsys)
    assert told == f"Prometheus at {prometheus.url}: panel Error ratio: query {prometheus.asked[0]['query']}: {why}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert fail(["--output", str(taken)], capsys).startswith("the page can't be written: ")


def test_a_page_takes_the_place_of_an_older_one_at_once(tmp_path: Path) -> None:
    older = write_page("older", tmp_path)
    with older.open() as reader:
        newer = write_page("newer", tmp_path)
        # Who reads the older one reads it to its end.
        assert reader.read() == "older"
    assert newer.read_text() == "newer"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_that_can_t_be_written_whole_leaves_the_older_one(tmp_path: Path) -> None:
    older = write_page("older", tmp_path)
    with pytest.raises(UnicodeEncodeError):
        write_page("new\ud800er", tmp_path)
    assert older.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


# ---- how far it is


def test_without_a_terminal_a_line_tells_each_row_that_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--output", str(tmp_path)], {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(ROWS)] == [f"read: {row.title}, {len(row.panels)} panels" for row in ROWS]


@pytest.fixture
def terminal() -> Iterator[Console]:
    with Path("/dev/null").open("w") as sink:
        yield Console(file=sink, force_terminal=True, width=80, record=True)


def test_on_a_terminal_there_is_a_bar_instead(terminal: Console) -> None:
    assert list(follow(ROWS, terminal)) == list(ROWS)
    assert "read:" not in terminal.export_text()

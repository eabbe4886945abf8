"""The command does what it is told, says how far it is, and tells what went wrong in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from contract.outputs import Outputs
from contract.problems import ContractError, Problem
from dashboards.page import __main__ as command
from dashboards.page.__main__ import DEFAULT_MINUTES, MOST_MINUTES, RESULTS, main
from dashboards.page.document import write_page
from dashboards.page.screen import follow
from tests.unit.dashboards.drawn import ROWS
from tests.unit.dashboards.fake_prometheus import FakePrometheus

pytestmark = pytest.mark.usefixtures("asked")


def fail(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments, {}) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told.removeprefix("error: ").rstrip()


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


def test_results_are_kept_where_option_or_variable_says(asked: list[str], tmp_path: Path) -> None:
    variables = {"RESULTS": str(tmp_path / "named")}
    assert main([], variables) == 0
    assert main(["--output", str(tmp_path / "asked")], variables) == 0
    assert asked == ["local", "local"]
    assert [len(list((tmp_path / name).iterdir())) for name in ("named", "asked")] == [1, 1]


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

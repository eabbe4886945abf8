"""Steps are numbered and timed; a failed one is shown; nobody's terminal is not flooded with progress."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from offline.steps import Progress, Steps

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A console and what is on it."""

    def __init__(self, *, terminal: bool = False) -> None:
        self._file = io.StringIO()
        self.console = Console(file=self._file, width=120, force_terminal=terminal, color_system=None)

    @property
    def text(self) -> str:
        return ANSI.sub("", self._file.getvalue())


def test_a_step_is_a_line_with_its_number_outcome_and_seconds() -> None:
    screen = Screen()
    steps = Steps(screen.console, total=2)
    with steps.step("Preflight"):
        pass
    with steps.step("Stack") as progress:
        progress.outcome = "+ 30 created"
    first, second = screen.text.splitlines()
    assert re.fullmatch(r"\[1/2\] Preflight +done +\d+\.\d s", first)
    assert re.fullmatch(r"\[2/2\] Stack +\+ 30 created +\d+\.\d s", second)


def test_the_seconds_are_those_that_passed_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    screen = Screen()
    steps = Steps(screen.console, total=1)
    with steps.step("Stack"):
        now += 62.54
    assert screen.text.endswith("  62.5 s\n")


def test_outcomes_and_seconds_stand_below_each_other() -> None:
    screen = Screen()
    steps = Steps(screen.console, total=10)
    with steps.step("Preflight"):
        pass
    with pytest.raises(KeyError), steps.step("A longer title [x]"):
        raise KeyError
    first, second = screen.text.splitlines()
    assert first.index("done") == second.index("failed")
    assert len(first) == len(second)


def test_a_step_that_raises_is_shown_as_failed_and_the_error_goes_on() -> None:
    screen = Screen()
    steps = Steps(screen.console, total=3)
    with pytest.raises(KeyError), steps.step("Stack"):
        raise KeyError
    assert re.fullmatch(r"\[1/3\] Stack +failed +\d+\.\d s\n", screen.text)


def test_the_seconds_of_each_step_and_their_sum_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    steps = Steps(Screen().console, total=2)
    for title, seconds in (("Preflight", 0.25), ("Stack", 30.5)):
        with steps.step(title):
            now += seconds
    steps.save(tmp_path / "steps.json")
    assert json.loads((tmp_path / "steps.json").read_text()) == {
        "seconds": {"Preflight": 0.25, "Stack": 30.5},
        "total_seconds": 30.75,
    }


def test_where_there_is_no_terminal_progress_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    screen = Screen()
    progress = Progress(screen.console, "[1/1] Stack")
    for number in range(45):
        now += 0.5
        progress.report(f"resource {number}")
    assert screen.text.splitlines() == ["      resource 19", "      resource 39"]


def test_a_terminal_shows_progress_beside_the_label() -> None:
    screen = Screen(terminal=True)
    with Progress(screen.console, "[1/1] Stack") as progress:
        progress.report("creating [aws:ec2] vpc")
    assert "[1/1] Stack: creating [aws:ec2] vpc" in screen.text


def test_brackets_are_text_and_no_style() -> None:
    screen = Screen()
    steps = Steps(screen.console, total=1)
    with steps.step("Stack [blue]") as progress:
        progress.outcome = "[/] 3 of [red]"
    assert re.fullmatch(r"\[1/1\] Stack \[blue\] +\[/\] 3 of \[red\] +\d+\.\d s\n", screen.text)

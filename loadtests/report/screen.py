"""A verdict in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtests.report.tables import APART_HEAD, COUNTS_HEAD, list_apart, list_counts
from loadtests.verdict.verdict import Verdict

MOST_DETAILS = 10
"""How many wrong things of one check are printed; the page has them all."""
MOST_APART = 20
"""How many requests that did not end as whole answers do are printed; the page has these all, too."""

# Where nobody's terminal sets a width, lines are as wide as what is printed.
_console = Console(width=None if sys.stdout.isatty() else 160)


def say(text: str) -> None:
    """Print text as it is."""
    _console.print(text, markup=False, highlight=False, soft_wrap=True)


def show_verdict(verdict: Verdict, page: Path) -> None:
    """Print what was judged, and where the page is."""
    _show("Output tokens, counted three times", COUNTS_HEAD, list_counts(verdict))
    if apart := list_apart(verdict):
        _show("Requests that did not end as whole answers do", APART_HEAD, apart[:MOST_APART])
        _say_more("such requests", len(apart) - MOST_APART)
    checks = [
        (Text("pass", "green") if check.passed else Text("FAIL", "red"), check.name, check.found, check.allowed)
        for check in verdict.checks
    ]
    _show("Verdict", ("", "check", "found", "allowed"), checks)
    for check in verdict.checks:
        for detail in check.details[:MOST_DETAILS]:
            say(f"{check.name}: {detail}")
        _say_more(check.name, len(check.details) - MOST_DETAILS)
    say(f"verdict: {'pass' if verdict.passed else 'FAIL'}; page: {page}")


def _say_more(what: str, left: int) -> None:
    if left > 0:
        say(f"{what}: {left} more on the page")


def _show(title: str, head: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print a table whose cells are no markup: some of them say what somebody else sent."""
    table = Table(title=title, title_justify="left")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    _console.print(table)

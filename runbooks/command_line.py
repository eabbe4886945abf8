"""The command line of `runbooks`: which alert, on which environment, and the exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from functools import partial
from typing import NoReturn

from rich.table import Table
from rich.text import Text

from contract.problems import ContractError
from contract.stack import ask_outputs
from runbooks.library import choose_page, read_pages
from runbooks.page import Page
from runbooks.parsing import PagesUnusable
from runbooks.playbook import Outcome, run_playbook
from runbooks.prometheus import Prometheus
from runbooks.repository import OURS, Repository
from runbooks.run import Run
from runbooks.screen import Screen, make_console

FAILED = 1
"""Exit code: not healed, refused, or a mistake."""
INTERRUPTED = 130


def main(arguments: list[str] | None = None, repository: Repository = OURS) -> int:
    """Run one page, or list all; return the exit code. A user's mistake is a sentence, never a traceback."""
    options = _parse(arguments)
    try:
        pages = read_pages(repository)
        if options.list:
            _list(pages.values())
            return 0
        page = choose_page(pages, options.alert)
        outputs = ask_outputs(options.environment)
        play = partial(_play, repository, options.environment)
        screen = Screen(make_console(), page.count_steps())
        run = Run(page, Prometheus(outputs.metrics_url), play, screen, yes=options.yes)
        return 0 if run.heal() else FAILED
    except (ContractError, PagesUnusable, OSError) as error:
        _complain(f"error: {error}", "red")
        return FAILED
    except KeyboardInterrupt:
        _complain("interrupted; run the same command again to go on")
        return INTERRUPTED


def _play(repository: Repository, environment: str, name: str, outcome: Outcome) -> None:
    run_playbook(repository, name, environment, outcome)


def _list(pages: Iterable[Page]) -> None:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for page in pages:
        table.add_row(Text(page.name), Text(page.summary))
    make_console().print(table)


def _complain(text: str, style: str = "") -> None:
    make_console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"error: {message}\n")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="runbooks", description="Run the page of an alert: diagnose, heal, verify.")
    parser.add_argument("alert", nargs="?", default="", metavar="ALERT", help="name of the alert, and of its page")
    parser.add_argument("--list", action="store_true", help="list the pages, run none")
    parser.add_argument(
        "--env",
        dest="environment",
        default=os.environ.get("ENV") or "local",
        help="environment (default: that of the variable ENV, else local)",
    )
    parser.add_argument("--yes", action="store_true", help="answer yes to every question")
    return parser.parse_args(arguments)

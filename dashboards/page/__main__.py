"""Draws the dashboard of an environment as a page, from its Prometheus.

python -m dashboards.page                   the last hour of environment `local`, or of the one that ENV names
python -m dashboards.page --minutes 1440    the last day
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.documents import read_slos
from contract.problems import ContractError, Problem, describe_given
from contract.stack import ask_outputs
from dashboards.page.document import render_page, write_page
from dashboards.page.prometheus import Prometheus, Unanswered
from dashboards.page.readings import RowReading
from dashboards.page.screen import follow, make_console, show_latest
from dashboards.page.span import choose_span
from dashboards.panels import list_rows

RESULTS = Path(__file__).resolve().parents[2] / "results"
"""Where pages are kept unless told otherwise, beside those of load tests."""
DEFAULT_MINUTES = 60
MOST_MINUTES = 43200
"""30 days, the window of an SLO."""
FAILED = 1


@dataclass(frozen=True)
class _Order:
    """What the command line asks for."""

    environment: str
    minutes: int
    output: Path


def main(arguments: Sequence[str], variables: Mapping[str, str] = os.environ) -> int:
    """Run the command; return its exit code."""
    try:
        _draw(_read_order(arguments, variables))
    except (ContractError, Unanswered) as error:
        why = str(error)
    except OSError as error:
        why = f"the page can't be written: {error}"
    else:
        return 0
    print(f"error: {why}", file=sys.stderr)
    return FAILED


def _read_order(arguments: Sequence[str], variables: Mapping[str, str]) -> _Order:
    parser = argparse.ArgumentParser(prog="python -m dashboards.page", description="Draw the dashboard as a page.")
    parser.add_argument(
        "--env", default=variables.get("ENV") or "local", help="the environment (default: ENV, or local)"
    )
    parser.add_argument(
        "--minutes", default=str(DEFAULT_MINUTES), help=f"how many, to now (default: {DEFAULT_MINUTES})"
    )
    parser.add_argument(
        "--output",
        default=variables.get("RESULTS") or RESULTS,
        type=Path,
        help="the folder of results (default: RESULTS, or results)",
    )
    given = parser.parse_args(arguments)
    return _Order(given.env, _read_minutes(given.minutes), given.output)


def _read_minutes(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= MOST_MINUTES:
        raise ContractError("--minutes", [Problem("", describe_given(text), f"an integer from 1 to {MOST_MINUTES}")])
    return int(text)


def _draw(order: _Order) -> None:
    console = make_console()
    slos = read_slos()
    outputs = ask_outputs(order.environment)
    prometheus = Prometheus(outputs.metrics_url)
    span = choose_span(order.minutes, time.time())
    rows = [
        RowReading(row.title, [prometheus.read(panel, span) for panel in row.panels])
        for row in follow(list_rows(slos), console)
    ]
    folder = order.output / f"{time.strftime('%Y%m%d-%H%M%S')}-{outputs.environment}-dashboard"
    page = write_page(render_page(rows, outputs, span), folder)
    show_latest(rows, span, page, console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

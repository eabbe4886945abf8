"""What the commands print: sentences, and tables of findings and outputs."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.prompt import Confirm
from rich.table import Table

from contract.outputs import Outputs
from offline.completion import QUESTION, Completion
from offline.doctor import Finding

# Where nobody's terminal sets a width, lines are as wide as what is printed.
_WIDTH = None if sys.stdout.isatty() else 160
console = Console(width=_WIDTH)
_errors = Console(stderr=True, width=_WIDTH)


def say(text: str) -> None:
    """Print text as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def complain(text: str, style: str | None = None) -> None:
    """Print text as it is to standard error."""
    _errors.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def show_findings(title: str, findings: Iterable[Finding]) -> None:
    rows = [
        (escape(finding.subject), "[green]ok[/]" if finding.good else "[red]not ok[/]", escape(finding.detail))
        for finding in findings
    ]
    _show_table(title, rows)


def show_outputs(outputs: Outputs) -> None:
    rows = []
    for name, value in outputs.model_dump(mode="json", exclude_none=True).items():
        if isinstance(value, dict):
            rows += [(f"{name}.{key}", escape(str(item))) for key, item in value.items()]
        else:
            rows.append((name, escape(str(value))))
    _show_table("The environment's outputs", rows)


def show_completion(completion: Completion) -> None:
    rows = [
        ("question", QUESTION),
        ("answer", escape(completion.text.strip())),
        ("tokens", f"{completion.input_tokens} in, {completion.output_tokens} out"),
    ]
    _show_table("The model's answer, through the environment's address", rows)


def confirm(question: str) -> bool:
    """Ask a person at a terminal; without one, or with ^D for an answer, it is no."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return Confirm.ask(escape(question), console=console, default=False)
    except EOFError:
        return False


def _show_table(title: str, rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for row in rows:
        while len(table.columns) < len(row):
            table.add_column(overflow="fold")
        table.add_row(*row)
    console.print(table)

"""What the commands print: sentences, and tables of findings and outputs."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.prompt import Confirm
from rich.table import Table

from contract.money import format_usd
from contract.outputs import Outputs
from offline.completion import QUESTION, Completion
from offline.doctor import Finding
from offline.instance import DEFAULT
from offline.receipt import Receipt
from offline.stack import STACK

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


def show_completion(completion: Completion, receipt: Receipt) -> None:
    counted = f"{receipt.input_tokens} in, {receipt.cached_input_tokens} in from the cache, {receipt.output_tokens} out"
    prices = ", ".join(
        f"{format_usd(receipt.prices[name])} USD {words}"
        for name, words in (("input_tokens", "in"), ("cached_input_tokens", "cached"), ("output_tokens", "out"))
    )
    rows = [
        ("question", QUESTION),
        ("answer", escape(completion.text.strip())),
        ("request", escape(completion.request_id)),
        ("tokens", counted),
        ("price", f"version {receipt.price_version}: {prices}; per 1,000,000"),
        ("charge", f"{format_usd(receipt.charge)} USD"),
        ("wallet", f"{format_usd(receipt.balance_before)} USD before, {format_usd(receipt.balance_after)} USD after"),
        ("ledger transaction", str(receipt.transaction_id)),
    ]
    _show_table("The model's answer, and its receipt", rows)


def show_next(instance: str, request_id: str) -> None:
    chosen = "" if instance == DEFAULT else f"INSTANCE={instance} "
    rows = [
        (f"{chosen}source offline/activate", "lead this shell's tools to the environment, first of all"),
        ("curl $OPENAI_BASE_URL/models", "ask the gateway; OpenAI's clients find it, and their key, by themselves"),
        (f"python -m services.billing show {request_id}", "hold, settlement and entries of the request above"),
        ("python -m services.billing balance", "what each account has left"),
        ("psql service=billing_reporter", "the ledger's views, in schema reports"),
        (f"pulumi preview -s {STACK}", "what `make up` would change in the stack"),
        ("ansible-playbook playbooks/site.yml", "bring the containers to what the repository says"),
        ("locust", "load it as customers do, and judge what they got"),
        ("make status", "which parts are healthy, and which alerts fire"),
        ("make dashboard", "draw how it did in the last hour"),
    ]
    _show_table("Next", rows)


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

"""What the admin command prints: sentences and tables, or JSON, where amounts are nano-dollars."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from contract.money import format_usd
from services.billing.reports import Proof, Request, Row

# Where nobody's terminal sets a width, lines are as wide as what is printed.
_WIDTH = None if sys.stdout.isatty() else 200
_console = Console(width=_WIDTH)
_errors = Console(stderr=True, width=_WIDTH)


@dataclass(frozen=True)
class Shown:
    """What a command shows."""

    document: Any
    """As JSON."""
    view: RenderableType
    """To people: plain text, or tables."""
    good: bool = True
    """Whether the command succeeds."""


def display(shown: Shown, *, as_json: bool) -> None:
    """Print what a command shows."""
    if as_json:
        print(json.dumps(shown.document, indent=2, default=_encode))
    elif isinstance(shown.view, str):
        print(shown.view)
    else:
        _console.print(shown.view)


def complain(text: str) -> None:
    """Print text as it is to standard error."""
    _errors.print(text, style="red", markup=False, highlight=False, soft_wrap=True)


def show_accounts(accounts: Sequence[Row]) -> Shown:
    rows = [
        (row["account"], *(_usd(row[name]) for name in ("balance", "held", "available")), _moment(row["created_at"]))
        for row in accounts
    ]
    return Shown(
        [dict(row) for row in accounts],
        _table("Wallets, USD", ("account", "balance", "held", "available", "since"), rows),
    )


def show_keys(keys: Sequence[Row]) -> Shown:
    rows = [
        (row["account"], row["key"], _moment(row["created_at"]), _moment(row["revoked_at"]) or "valid") for row in keys
    ]
    return Shown([dict(row) for row in keys], _table("Keys", ("account", "key", "since", "revoked"), rows))


def show_request(found: Request) -> Shown:
    """Show a request as its hold, extensions, settlement, entries and price."""
    request, price = found.request, found.price
    tables = [
        _facts(
            f"Request {request['request_id']}",
            ("account", request["account"]),
            ("key", request["key"]),
            ("model", request["model"]),
            ("admitted", _moment(request["admitted_at"])),
        ),
        _facts(
            "Hold",
            ("id", request["hold_id"]),
            ("state", request["state"]),
            ("amount", f"{_usd(request['held_amount'])} USD"),
            ("covers", f"{request['held_input_tokens']} input tokens, {request['held_output_tokens']} output tokens"),
            ("lease until", _moment(request["lease_until"])),
        ),
        _table(
            "Extensions",
            ("covers output tokens", "added, USD", "at"),
            [(row["output_tokens"], _usd(row["added_amount"]), _moment(row["created_at"])) for row in found.extensions],
        ),
        _show_settlement(request),
        _table(
            "Entries",
            ("transaction", "book", "account", "amount, USD", "balance after, USD"),
            [
                (row["transaction_id"], row["book"], row["account"], _usd(row["amount"]), _usd(row["balance_after"]))
                for row in found.entries
            ],
        ),
        _facts(
            "Price, USD per 1,000,000",
            ("version", f"{price['version']}, in force from {_moment(price['effective_from'])}"),
            *((name, _usd(price[name])) for name in ("input_tokens", "cached_input_tokens", "output_tokens")),
        ),
    ]
    return Shown(asdict(found), Group(*tables))


def show_proof(proof: Proof) -> Shown:
    """Show the books' sums, and whatever does not add up."""
    books = _table("Books, USD", ("book", "sum"), [(row["book"], _usd(row["amount"])) for row in proof.books])
    document = {"proven": not proof.problems, **asdict(proof)}
    if not proof.problems:
        return Shown(document, Group(books, "The books are right: every rule of the ledger holds."))
    rows = [(row["rule"], row["subject"], row["expected"], row["found"]) for row in proof.problems]
    wrong = _table("The books are wrong", ("rule", "subject", "expected", "found"), rows)
    return Shown(document, Group(books, wrong), good=False)


def _show_settlement(request: Row) -> RenderableType:
    if request["settled_at"] is None:
        return _facts("Settlement", ("none", "not settled yet" if request["state"] == "open" else "the lease ended"))
    counted = ", ".join(
        f"{request[name]} {words}"
        for name, words in (
            ("input_tokens", "input tokens"),
            ("cached_input_tokens", "cached input tokens"),
            ("output_tokens", "output tokens"),
        )
    )
    engine = request["engine_output_tokens"]
    return _facts(
        "Settlement",
        ("delivered", counted),
        ("counted by the engine", "not told by its gateway" if engine is None else f"{engine} output tokens"),
        ("charge", f"{_usd(request['charge'])} USD"),
        ("not charged", f"{_usd(request['shortfall'])} USD"),
        ("transaction", request["transaction_id"]),
        ("settled", _moment(request["settled_at"]) + (", after the lease had ended" if request["late"] else "")),
    )


def _facts(title: str, *facts: tuple[str, object]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, _cell(value))
    return table


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> str:
    return "" if value is None else escape(str(value))


def _usd(nano: int | None) -> str:
    return "" if nano is None else format_usd(nano)


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")

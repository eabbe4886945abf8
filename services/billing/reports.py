"""What people read of the ledger: its views, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from services.billing.connections import REPORTER, open_connection, tell_mistakes
from services.billing.failures import Refused

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """All that the ledger knows of one request."""

    request: Row
    """Its hold and, where there is one, its settlement."""
    price: Row
    extensions: list[Row]
    entries: list[Row]


@dataclass(frozen=True)
class Proof:
    """Whether the books are right."""

    books: list[Row]
    """The sum of each book."""
    problems: list[Row]
    """Whatever does not add up; nothing where the books are right."""


def list_accounts(account: str | None = None) -> list[Row]:
    """Return every account with its wallet, or the one.

    Raises:
        Refused: there is no such account.
    """
    return _of_account("select * from reports.accounts", account)


def list_keys(account: str | None = None) -> list[Row]:
    """Return every key's names and times, or those of one account; none where there is no such account."""
    return _of_account("select * from reports.keys", account, may_be_empty=True)


def find_request(request_id: UUID) -> Request:
    """Return what became of a request.

    Raises:
        Refused: no request of this id was admitted.
    """
    with tell_mistakes(), open_connection(REPORTER) as connection:
        found = _read(connection, "select * from reports.requests where request_id = %s", request_id)
        if not found:
            raise Refused(f"no request {request_id} was admitted: it is another id, or was refused and cost nothing")
        prices = "select * from reports.prices where model = %s and version = %s"
        return Request(
            found[0],
            _read(connection, prices, found[0]["model"], found[0]["price_version"])[0],
            _read(
                connection, "select * from reports.extensions where request_id = %s order by output_tokens", request_id
            ),
            _read(connection, "select * from reports.entries where request_id = %s order by book desc", request_id),
        )


def prove() -> Proof:
    """Check every rule that the ledger must keep, at one moment."""
    with tell_mistakes(), open_connection(REPORTER) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        return Proof(
            [
                {"book": row["book"], "amount": int(row["amount"])}
                for row in _read(connection, "select * from reports.books order by book")
            ],
            _read(connection, "select * from reports.problems order by rule, subject"),
        )


def _of_account(statement: str, account: str | None, *, may_be_empty: bool = False) -> list[Row]:
    with tell_mistakes(), open_connection(REPORTER) as connection:
        if account is None:
            return _read(connection, f"{statement} order by account, created_at")
        rows = _read(connection, f"{statement} where account = %s order by created_at", account)
    if not rows and not may_be_empty:
        raise Refused(f"no account named {account}")
    return rows


def _read(connection: Connection[Any], statement: Any, *arguments: object) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows: list[DictRow] = cursor.execute(statement, arguments).fetchall()
        return list(rows)

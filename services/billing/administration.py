"""What administrators do to the ledger: one SQL function each, all of which may be called again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from services.billing.connections import ADMIN, open_connection, tell_mistakes
from services.billing.price_list import PublishedPrice


@dataclass(frozen=True)
class Credit:
    """What became of a credit."""

    credited: bool
    """False where this reference was credited before."""
    transaction_id: int
    balance: int
    """Nano-dollars, now."""


def open_account(account: str) -> bool:
    """Make an account with an empty wallet; return whether it is new."""
    with tell_mistakes(), open_connection(ADMIN) as connection:
        return bool(_value(connection, "select billing.open_account(%s)", account))


def add_key(account: str, name: str, key_hash: bytes, *, replace: bool) -> bool:
    """Let a key use an account; return whether it is new. With `replace` another key of this name is revoked."""
    with tell_mistakes(), open_connection(ADMIN) as connection:
        return bool(_value(connection, "select billing.add_key(%s, %s, %s, %s)", account, name, key_hash, replace))


def revoke_key(account: str, name: str) -> bool:
    """Refuse a key from now on; return whether it was valid."""
    with tell_mistakes(), open_connection(ADMIN) as connection:
        return bool(_value(connection, "select billing.revoke_key(%s, %s)", account, name))


def credit(account: str, amount: int, reference: str) -> Credit:
    """Add nano-dollars to an account's wallet, once for each reference."""
    with tell_mistakes(), open_connection(ADMIN) as connection:
        row = connection.execute("select * from billing.credit(%s, %s, %s)", (account, amount, reference)).fetchone()
    if row is None:
        raise AssertionError("billing.credit returns one row")
    return Credit(*row)


def publish(prices: Iterable[PublishedPrice]) -> list[PublishedPrice]:
    """Publish prices, all or none; return those that are new."""
    with tell_mistakes(), open_connection(ADMIN) as connection:
        return [price for price in prices if _publish_one(connection, price)]


def _publish_one(connection: Connection[TupleRow], price: PublishedPrice) -> bool:
    statement = "select billing.publish_price(%s, %s, %s, %s, %s, %s)"
    return bool(
        _value(
            connection,
            statement,
            price.model,
            price.version,
            price.effective_from,
            price.input_tokens,
            price.cached_input_tokens,
            price.output_tokens,
        )
    )


def _value(connection: Connection[TupleRow], statement: str, *arguments: object) -> Any:
    row = connection.execute(statement, arguments).fetchone()
    if row is None:
        raise AssertionError("a function returns one row")
    return row[0]

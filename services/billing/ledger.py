"""The ledger as gateways see it: one SQL function a step.

Whatever is asked may be asked again: after a broken connection nobody knows whether the question arrived.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from contract.money import Unit

Pool = AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]

_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # during a failover the old server may still answer
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
)


class LedgerAway(Exception):
    """The ledger can't be reached or broke off. Whether it did what was asked is unknown; it may be asked again."""


class Verdict(StrEnum):
    """What the ledger says of a request."""

    ADMITTED = "admitted"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    UNKNOWN_MODEL = "unknown_model"
    """No price of the model is in force."""
    INSUFFICIENT_FUNDS = "insufficient_funds"


@dataclass(frozen=True)
class Question:
    """A request that wants to be admitted."""

    request_id: UUID
    key_hash: bytes
    """SHA-256 of the key."""
    model: str
    input_tokens: int
    """The most that the prompt may be."""
    least_output_tokens: int
    """Refused where the wallet does not cover so many; 1 or more."""
    most_output_tokens: int
    """Held for so many, or as many as the wallet covers."""


@dataclass(frozen=True)
class Hold:
    """What is reserved for a request."""

    id: int
    account: str
    price_version: int
    prices: Mapping[Unit, int]
    """Nano-dollars per 1,000,000 of each unit; fixed when the request was admitted."""
    output_tokens: int
    """How many it covers."""
    amount: int
    """Nano-dollars."""


@dataclass(frozen=True)
class Admission:
    """The verdict, and where it is `ADMITTED` the hold."""

    verdict: Verdict
    hold: Hold | None = None


@dataclass(frozen=True)
class Delivery:
    """What was delivered of a request, and so is charged. All zero: nothing, and the hold is given back."""

    hold_id: int
    input_tokens: int = 0
    """Those that were not cached."""
    cached_input_tokens: int = 0
    output_tokens: int = 0
    engine_output_tokens: int = 0
    """The engine's last count that the gateway read, which is noted and not charged: `output_tokens` or more."""


@dataclass(frozen=True)
class Settlement:
    """What a request cost."""

    charge: int
    """Nano-dollars that were charged."""
    shortfall: int
    """Nano-dollars that were delivered and could not be charged: the lease had ended, and the wallet is spent."""
    transaction_id: int | None
    """None where nothing was charged."""


class Ledger:
    """Calls the ledger's functions as the role `billing_gateway`.

    Every method raises `LedgerAway`. What the ledger refuses for good (a hold that nobody took, a request that has
    ended) is another `psycopg.Error`: asked again it would be refused again.
    """

    def __init__(self, pool: Pool, lease_seconds: float) -> None:
        """Use the pool.

        Args:
            pool: see `open_pool`.
            lease_seconds: how long a hold lives that nobody renews.
        """
        self._pool = pool
        self._lease_seconds = lease_seconds

    async def admit(self, question: Question) -> Admission:
        """Check key, model and wallet, and take a hold: the same one if the same request id is asked for again."""
        row = await self._call(
            "select * from billing.admit(%s, %s, %s, %s, %s, %s, make_interval(secs => %s))",
            question.request_id,
            question.key_hash,
            question.model,
            question.input_tokens,
            question.least_output_tokens,
            question.most_output_tokens,
            self._lease_seconds,
        )
        verdict = Verdict(row["verdict"])
        return Admission(verdict, _read_hold(row) if verdict is Verdict.ADMITTED else None)

    async def extend(self, hold_id: int, output_tokens: int) -> bool:
        """Make a hold cover so many output tokens in all; say whether it does.

        It does not where the wallet is spent, or the hold is no longer open.
        """
        row = await self._call(
            "select billing.extend(%s, %s, make_interval(secs => %s)) as extended",
            hold_id,
            output_tokens,
            self._lease_seconds,
        )
        return bool(row["extended"])

    async def settle(self, delivery: Delivery) -> Settlement:
        """Charge what was delivered and give the rest of the hold back. The first settlement of a hold is the only one.

        One that comes after the lease ended charges as much as the wallet still covers, up to the hold.
        """
        row = await self._call(
            "select * from billing.settle(%s, %s, %s, %s, %s)",
            delivery.hold_id,
            delivery.input_tokens,
            delivery.cached_input_tokens,
            delivery.output_tokens,
            delivery.engine_output_tokens,
        )
        return Settlement(row["charge"], row["shortfall"], row["transaction_id"])

    async def renew(self, hold_ids: Sequence[int]) -> None:
        """Renew the lease of those holds that are still open."""
        await self._call(
            "select billing.renew(%s::bigint[], make_interval(secs => %s))", list(hold_ids), self._lease_seconds
        )

    async def expire(self) -> int:
        """Give back the holds of all gateways whose lease has ended; return how many there were.

        The clock of leases stands still where nobody has called this for some seconds: then the ledger was away, and no
        gateway could renew anything.
        """
        row = await self._call("select billing.expire() as expired")
        return int(row["expired"])

    async def check(self) -> None:
        """Return if the ledger answers."""
        await self._call("select 1")

    async def _call(self, statement: str, *arguments: object) -> DictRow:
        async with _translate(), self._pool.connection() as connection:
            with _breaking_off(connection, self._pool.timeout):
                cursor = await connection.execute(statement, arguments)
                row = await cursor.fetchone()
        if row is None:
            raise AssertionError("every function of the ledger returns a row")
        return row


@asynccontextmanager
async def open_pool(connection: str, *, size: int, patience_seconds: float) -> AsyncIterator[Pool]:
    """Return connections to the ledger, each of which commits every statement. It need not answer yet.

    Args:
        connection: libpq's words, such as `service=gateway`; what it leaves out comes from the variables `PG*`.
        size: the most connections.
        patience_seconds: longest wait for a free connection, and for an answer, after which the ledger counts as away.
    """

    async def check(connection: psycopg.AsyncConnection[DictRow]) -> None:
        with _breaking_off(connection, patience_seconds):
            await AsyncConnectionPool.check_connection(connection)

    pool: Pool = AsyncConnectionPool(
        connection,
        min_size=1,
        max_size=size,
        timeout=patience_seconds,
        # Then the next call tries anew: the pauses between the pool's own attempts grow to minutes.
        reconnect_timeout=patience_seconds,
        # Statements go out at once and are prepared once; a connection that broke while idle is noticed by TCP.
        kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": 1, "connect_timeout": 5},
        check=check,
        open=False,
        name="ledger",
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close()


@contextmanager
def _breaking_off(connection: psycopg.AsyncConnection[DictRow], seconds: float) -> Iterator[None]:
    """Break the connection off if it is still in use after so many seconds, so that whoever waits for it fails.

    A server that stands still answers nothing, not even that a statement is cancelled, while its machine keeps the
    connection alive.
    """

    def break_off() -> None:
        if connection.closed:
            return
        with socket.socket(fileno=os.dup(connection.fileno())) as ours, suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(seconds, break_off)
    try:
        yield
    finally:
        timer.cancel()


@asynccontextmanager
async def _translate() -> AsyncIterator[None]:
    try:
        yield
    except _AWAY as error:
        raise LedgerAway(" ".join(str(error).split())) from error


def _read_hold(row: Mapping[str, Any]) -> Hold:
    prices = {
        Unit.INPUT_TOKENS: row["input_tokens_price"],
        Unit.CACHED_INPUT_TOKENS: row["cached_input_tokens_price"],
        Unit.OUTPUT_TOKENS: row["output_tokens_price"],
    }
    return Hold(
        id=row["hold_id"],
        account=row["account"],
        price_version=row["price_version"],
        prices=prices,
        output_tokens=row["output_tokens"],
        amount=row["amount"],
    )

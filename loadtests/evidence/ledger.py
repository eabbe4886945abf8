"""The ledger's count: what was held, settled and charged, read through its views as the role that can do no more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, TypeVar

import boto3
import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.rows import RowFactory, class_row, scalar_row, tuple_row

from contract.outputs import Outputs
from loadtests.evidence.missing import EvidenceMissing

Row = TypeVar("Row")

ROLE = "billing_reporter"
PATIENCE_SECONDS = 90
"""Longest wait for settlements: longer than a hold's lease (60 s), after which an orphaned one ends."""
_PAUSE_SECONDS = 0.5
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class LedgerRow:
    """One request that was admitted. Amounts are nano-dollars; counts are absent where nothing was settled."""

    request_id: str
    account: str
    model: str
    state: str
    """`open`, `settled`, or `expired`: given back when its lease ended."""
    price_version: int
    held_input_tokens: int
    held_output_tokens: int
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    engine_output_tokens: int | None
    """The last count of output tokens that the engine sent; absent where the gateway was one that did not say it."""
    charge: int | None
    shortfall: int | None
    charged: int
    """What the entries moved out of the wallet."""


_ROWS: LiteralString = """
    select
        r.request_id::text as request_id, r.account, r.model, r.state, r.price_version, r.held_input_tokens,
        r.held_output_tokens, r.input_tokens, r.cached_input_tokens, r.output_tokens, r.engine_output_tokens,
        r.charge, r.shortfall,
        (
            select coalesce(-sum(e.amount), 0)::bigint from reports.entries as e
            where e.request_id = r.request_id and e.book = 'wallet'
        ) as charged
    from reports.requests as r
    where r.admitted_at >= %s
"""


class Ledger:
    """A connection to the ledger's views."""

    def __init__(self, outputs: Outputs) -> None:
        """Connect.

        Raises:
            EvidenceMissing: the password can't be read, or the database does not answer.
        """
        self._where = f"the ledger at {outputs.billing_database.host}:{outputs.billing_database.port}"
        password = _read_password(outputs)
        with self._translate():
            self._connection = psycopg.connect(
                host=outputs.billing_database.host,
                port=outputs.billing_database.port,
                dbname=outputs.billing_database.name,
                user=ROLE,
                password=password,
                connect_timeout=_CONNECT_SECONDS,
                autocommit=True,
            )

    def list_problems(self) -> Sequence[str]:
        """Return what does not add up in the books."""
        found = self._ask(tuple_row, "select rule, subject, expected, found from reports.problems")
        return [
            f"{rule}: {subject}: expected {expected}, found {is_found}" for rule, subject, expected, is_found in found
        ]

    def list_requests(self, since: datetime) -> Sequence[LedgerRow]:
        """Return the requests, anybody's, that were admitted since then."""
        return self._ask(class_row(LedgerRow), _ROWS, since)

    def wait_until_quiet(self, patience_seconds: float = PATIENCE_SECONDS) -> datetime:
        """Return the time by which its rows are dated, once everything that was admitted is settled or given back.

        Raises:
            EvidenceMissing: something is still open after that time.
        """
        deadline = time.monotonic() + patience_seconds
        while True:
            [now] = self._ask(scalar_row, "select clock_timestamp()")
            still_open = self._ask(scalar_row, "select request_id::text from reports.requests where state = 'open'")
            if not still_open:
                moment: datetime = now
                return moment
            if time.monotonic() > deadline:
                raise EvidenceMissing(
                    f"{self._where}: {len(still_open)} request(s) not settled after {patience_seconds:.0f} s, "
                    f"{still_open[0]} among them; a run needs an environment that serves nobody else"
                )
            time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, rows: RowFactory[Row], query: LiteralString, *arguments: object) -> list[Row]:
        with self._translate(), self._connection.cursor(row_factory=rows) as cursor:
            return cursor.execute(query, arguments).fetchall()

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise EvidenceMissing(f"{self._where}: {str(error).strip()}") from None


def _read_password(outputs: Outputs) -> str:
    name = outputs.secrets.billing_database_reporter
    try:
        answer = boto3.client("secretsmanager", region_name=outputs.region).get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise EvidenceMissing(f"the secret {name}, which leads to the ledger: {error}") from None
    return str(answer["SecretString"])

"""How people and playbooks reach the ledger: as a role, through the service of libpq that is named after it.

A service is a section of the file that PGSERVICEFILE names; it says where the database is and where the role's password
lies. https://www.postgresql.org/docs/18/libpq-pgservice.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow

from services.billing.failures import Refused

OWNER, ADMIN, REPORTER = "billing_owner", "billing_admin", "billing_reporter"

CONNECT_SECONDS = 10

MISTAKE = "FG001"
"""SQLSTATE with which the ledger's functions refuse a person's mistake."""


def open_connection(role: str) -> psycopg.Connection[TupleRow]:
    """Return a connection as this role.

    Raises:
        Refused: there is no such service, nobody answers, or the role may not enter.
    """
    try:
        return psycopg.connect(service=role, connect_timeout=CONNECT_SECONDS, application_name="faregate billing")
    except psycopg.OperationalError as error:
        raise Refused(f"the ledger, as {role}: {_one_line(error)}; is `source offline/activate` active?") from None


@contextmanager
def tell_mistakes() -> Iterator[None]:
    """Turn what the ledger refuses into a sentence."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate == MISTAKE:
            raise Refused(error.diag.message_primary or "") from None
        raise Refused(f"the ledger: {_one_line(error)}") from None


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())

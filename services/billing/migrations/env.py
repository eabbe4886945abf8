"""What Alembic runs: it connects as the ledger's owner and migrates in one transaction, one migration at a time."""

from __future__ import annotations

import psycopg
from alembic import context
from sqlalchemy import create_engine, pool

from services.billing.connections import OWNER, open_connection

LOCK = "select pg_advisory_xact_lock(hashtextextended('faregate migration', 0))"


def _connect() -> psycopg.Connection[tuple[object, ...]]:
    return open_connection(OWNER)


if context.is_offline_mode():
    raise SystemExit("the SQL of each migration is in the folder of its name: read it there")

engine = create_engine("postgresql+psycopg://", creator=_connect, poolclass=pool.NullPool)
with engine.begin() as connection:
    connection.exec_driver_sql(LOCK)
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

"""What Alembic runs: it connects as the ledger's owner, and migrates in one transaction or not at all."""

from __future__ import annotations

from typing import Any

import psycopg
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.util import CommandError
from sqlalchemy import create_engine, pool

from services.billing.connections import OWNER, open_connection
from services.billing.failures import Refused

LOCK = "select pg_advisory_xact_lock(hashtextextended('faregate migration', 0))"


def _connect() -> psycopg.Connection[Any]:
    try:
        return open_connection(OWNER)
    except Refused as refused:
        raise CommandError(str(refused)) from None  # which Alembic tells as a sentence


def _tell(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001
    print(f"migrated: {step.up_revision_id}")


if context.is_offline_mode():
    raise CommandError("the SQL of each migration is in the folder of its name: read it there")

engine = create_engine("postgresql+psycopg://", creator=_connect, poolclass=pool.NullPool)
with engine.begin() as connection:
    connection.exec_driver_sql(LOCK)
    context.configure(connection=connection, on_version_apply=_tell)
    with context.begin_transaction():
        context.run_migrations()

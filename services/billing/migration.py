"""Migrations of the ledger's schema, by Alembic: each is a folder of SQL files that run in the order of their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from services.billing.connections import OWNER, open_connection

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Migrated:
    """Which revision the schema had, and has."""

    before: str | None
    after: str | None


def migrate() -> Migrated:
    """Bring the schema to the newest revision; what is there already stays as it is.

    Raises:
        Refused: the ledger can't be reached.
    """
    config = Config(HERE / "alembic.ini")
    before = _read_revision()
    command.upgrade(config, "head")
    return Migrated(before, ScriptDirectory.from_config(config).get_current_head())


def run_folder(name: str) -> None:
    """Run a migration's SQL files, for the migration of this name."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise AssertionError("Alembic gives a migration an open connection")
    for file in sorted((HERE / "migrations" / name).glob("*.sql")):
        connection.execute(file.read_text(encoding="utf-8"))


def _read_revision() -> str | None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: open_connection(OWNER), poolclass=pool.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()

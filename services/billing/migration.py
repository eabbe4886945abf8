"""Migrations of the ledger's schema: Alembic's, each a folder of SQL files that run in the order of their names."""

from __future__ import annotations

from pathlib import Path

from alembic import op

_FOLDER = Path(__file__).parent / "migrations"


def run_folder(name: str) -> None:
    """Run the SQL files of one migration, in the transaction that Alembic began for it."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise AssertionError("Alembic gives a migration an open connection")
    for file in sorted((_FOLDER / name).glob("*.sql")):
        connection.execute(file.read_text(encoding="utf-8"))

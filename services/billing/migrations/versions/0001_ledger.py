"""the ledger: tables, the functions that write them and the views that read them."""

from __future__ import annotations

from services.billing.migration import run_folder

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_folder("0001_ledger")

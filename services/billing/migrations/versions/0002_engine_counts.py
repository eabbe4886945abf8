"""engine counts: how many output tokens the engine counted, beside what was delivered of them."""

from __future__ import annotations

from services.billing.migration import run_folder

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_folder("0002_engine_counts")

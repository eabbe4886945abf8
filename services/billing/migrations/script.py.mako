"""${message}."""

from __future__ import annotations

from services.billing.migration import run_folder

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_folder("${up_revision}_${message}")

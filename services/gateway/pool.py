"""How libpq is told where the ledger is."""

from __future__ import annotations

from psycopg.conninfo import make_conninfo

from services.gateway.settings import LedgerSettings, read_password


def describe_connection(settings: LedgerSettings) -> str:
    """Return libpq's words.

    Raises:
        SettingsRefused: the password can't be read.
    """
    password = read_password(settings)
    return make_conninfo(
        host=settings.host,
        port=settings.port,
        dbname=settings.name,
        user=settings.user,
        application_name="faregate-gateway",
        **({} if password is None else {"password": password}),
    )

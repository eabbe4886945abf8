"""`python -P -m services.gateway`: serve until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import sys

from contract.documents import read_catalog
from contract.problems import ContractError
from services.billing.ledger import Ledger, open_pool
from services.gateway import log
from services.gateway.application import serve
from services.gateway.failures import GatewayFailed
from services.gateway.models import choose_models
from services.gateway.pool import describe_connection
from services.gateway.settings import Settings, read_settings
from services.gateway.signals import Stop


async def run(settings: Settings) -> None:
    stop = Stop()
    stop.listen()
    models = choose_models(read_catalog(settings.catalog), settings.engines)
    connection = describe_connection(settings.ledger)
    patience = settings.ledger.patience_seconds
    async with open_pool(connection, size=settings.ledger.connections, patience_seconds=patience) as pool:
        await serve(settings, models, Ledger(pool, settings.lease_seconds), stop)


def main() -> int:
    log.adopt_libraries()
    try:
        asyncio.run(run(read_settings(os.environ)))
    except (GatewayFailed, ContractError) as failure:
        for line in str(failure).splitlines():
            print(f"gateway: {line}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

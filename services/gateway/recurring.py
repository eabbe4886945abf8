"""Duties that recur as long as the gateway lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.billing.ledger import LedgerAway
from services.gateway import log


async def repeat(name: str, seconds: float, duty: Callable[[], Awaitable[None]]) -> None:
    """Do a duty over and over, with a pause after each time; no failure ends that."""
    while True:
        await attempt(name, duty)
        await asyncio.sleep(seconds)


async def attempt(name: str, duty: Callable[[], Awaitable[None]]) -> bool:
    """Do a duty once; return whether it was done, and say in the log where it was not."""
    try:
        await duty()
    except LedgerAway as away:
        log.write("ledger_away", level="warning", duty=name, reason=str(away)[:200])
        return False
    except Exception as error:  # noqa: BLE001  # the duty comes again: nothing else would keep the gateway going
        log.write("duty_failed", level="error", duty=name, reason=f"{type(error).__name__}: {error}"[:500])
        return False
    return True

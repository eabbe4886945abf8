"""Duties that recur as long as the gateway lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.billing.ledger import LedgerAway
from services.gateway import log


class Duty:
    """Something that is done over and over; the log says when it begins to fail and when it works again."""

    def __init__(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._act = act
        self._trouble: str | None = None

    async def repeat(self, seconds: float) -> None:
        """Do it until cancelled, with a pause after each time; no failure ends that."""
        while True:
            await self.attempt()
            await asyncio.sleep(seconds)

    async def attempt(self) -> bool:
        """Do it once; return whether it was done."""
        try:
            await self._act()
        except LedgerAway as away:
            self._note("ledger_away", str(away)[:200])
        except Exception as error:  # noqa: BLE001  # it comes again: nothing else would keep the gateway going
            self._note("duty_failed", f"{type(error).__name__}: {error}"[:500])
        else:
            self._note(None, "")
        return self._trouble is None

    def _note(self, trouble: str | None, reason: str) -> None:
        if trouble != self._trouble:
            if trouble is None:
                log.write("duty_works_again", duty=self._name)
            else:
                log.write(trouble, level="warning", duty=self._name, reason=reason)
        self._trouble = trouble

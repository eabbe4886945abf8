"""Extends a stream's hold while the stream is relayed."""

from __future__ import annotations

import asyncio
from typing import Literal

from services.billing.ledger import LedgerAway
from services.gateway.ledger import Ledger
from services.gateway.meter import Meter
from services.gateway.metrics import Metrics

Reason = Literal["wallet", "ledger", "engine"]

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0


class Extension:
    """Keeps the hold ahead of the stream. One question is under way at most."""

    def __init__(self, ledger: Ledger, hold_id: int, meter: Meter, metrics: Metrics, patience_seconds: float) -> None:
        """Extend a hold.

        Args:
            ledger: who is asked.
            hold_id: the hold.
            meter: what the stream needs; it is told what is held.
            metrics: where refusals are counted.
            patience_seconds: how long a stream that has used up its hold waits for an answer.
        """
        self._ledger = ledger
        self._hold_id = hold_id
        self._meter = meter
        self._metrics = metrics
        self._patience_seconds = patience_seconds
        self._refused = False
        self._away = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pause: asyncio.Task[None] | None = None
        self._stopped = False

    def ask_early(self) -> None:
        """Ask for the next slice if the stream will need it soon; do not wait."""
        if self._meter.runs_low and not self._refused:
            self._ask(self._meter.plan(self._meter.held))

    async def cover(self, output_tokens: int) -> Reason | None:
        """Return once the hold covers so many tokens; or return why it never will.

        "engine" says that it made more than it was asked for.
        """
        if output_tokens > self._meter.limit:
            return "engine"
        while not self._meter.covers(output_tokens):
            if self._refused:
                return "wallet"
            if not await self._wait(self._ask(self._meter.plan(output_tokens))):
                return "ledger"
        return None

    def stop(self) -> None:
        """Ask no more. A question that is under way is not broken off: its connection would be lost with it."""
        self._stopped = True
        if self._pause is not None:
            self._pause.cancel()

    def _ask(self, held: int) -> asyncio.Task[None]:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._extend(held))
        return self._task

    async def _wait(self, asking: asyncio.Task[None]) -> bool:
        """Say whether the ledger answered; where it was away just now, that is not waited for."""
        away = asyncio.create_task(self._away.wait())
        try:
            await asyncio.wait((asking, away), timeout=self._patience_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            away.cancel()
        if asking.done():
            asking.result()
            return True
        return False

    async def _extend(self, held: int) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopped:
            try:
                extended = await self._ledger.extend(self._hold_id, held)
            except LedgerAway:
                self._away.set()
                self._pause = asyncio.create_task(asyncio.sleep(pause))
                await asyncio.wait((self._pause,))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            self._away.clear()
            if extended:
                self._meter.extend(held)
            else:
                self._refused = True
                self._metrics.extensions_refused.inc()
            return

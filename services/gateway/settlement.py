"""Settles requests off the response path: every hold that this gateway took, exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.billing.ledger import LedgerAway
from services.gateway import log
from services.gateway.bill import Bill
from services.gateway.ledger import Ledger
from services.gateway.metrics import Metrics

WORKERS = 4
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class Settlements:
    """The holds that are open, and a queue of those that wait for their settlement."""

    def __init__(self, ledger: Ledger, metrics: Metrics, limit: int) -> None:
        """Settle with the ledger; `limit` is the most holds that may be open."""
        self._ledger = ledger
        self._metrics = metrics
        self._limit = limit
        self._open: dict[int, Bill] = {}
        self._queue: asyncio.Queue[Bill] = asyncio.Queue()
        metrics.holds_open.set_function(lambda: len(self._open))
        metrics.settlements_queued.set_function(self._count_queued)
        self._working = 0

    def has_room(self) -> bool:
        """Say whether one more request may be admitted.

        Those in flight count, too: whatever was admitted finds room in the queue, which itself never refuses.
        """
        return len(self._open) < self._limit

    def open(self, bill: Bill) -> None:
        """Note a hold; its lease is renewed until it is settled."""
        self._open[bill.hold.id] = bill

    def put(self, bill: Bill) -> None:
        """Have a bill settled as it is now."""
        self.open(bill)
        self._queue.put_nowait(bill)

    def list_open(self) -> Sequence[int]:
        return list(self._open)

    async def work(self) -> None:
        """Settle until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def flush(self) -> None:
        """Return once the queue is empty and nothing is under way."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            bill = await self._queue.get()
            self._working += 1
            try:
                await self._settle(bill)
            finally:
                self._working -= 1
                self._queue.task_done()

    async def _settle(self, bill: Bill) -> None:
        delivery = bill.to_delivery()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                settlement = await self._ledger.settle(delivery)
                break
            except LedgerAway:
                # Whether it was settled is unknown; the first settlement of a hold is the only one, so ask again.
                self._metrics.settlement_retries.inc()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001  # a worker that ends would settle nothing any more
                # Asked again it would fail again. The hold ends with its lease, which is no longer renewed.
                self._metrics.settlements_failed.inc()
                _complain("settlement_failed", bill, reason=f"{type(error).__name__}: {error}"[:500])
                del self._open[bill.hold.id]
                return
        del self._open[bill.hold.id]
        self._metrics.count_settlement(bill, settlement)
        if settlement.shortfall:
            _complain("shortfall", bill, shortfall=settlement.shortfall)
        elif settlement.charge != bill.charge:
            _complain("charge_differs", bill, charged=settlement.charge, receipt=bill.charge)

    def _count_queued(self) -> int:
        return self._queue.qsize() + self._working


def _complain(event: str, bill: Bill, **fields: object) -> None:
    log.write(
        event,
        level="error",
        request_id=bill.request_id,
        account=bill.hold.account,
        hold_id=bill.hold.id,
        model=bill.model,
        **fields,
    )

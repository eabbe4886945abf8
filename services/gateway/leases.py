"""Keeps this gateway's holds alive, and gives back those of gateways that died."""

from __future__ import annotations

from services.gateway import log
from services.gateway.ledger import Ledger
from services.gateway.settlement import Settlements


class Leases:
    """Two duties towards the ledger that recur."""

    def __init__(self, ledger: Ledger, settlements: Settlements) -> None:
        self._ledger = ledger
        self._settlements = settlements

    async def renew(self) -> None:
        """Renew the leases of all open holds, those that wait for their settlement too."""
        if hold_ids := self._settlements.list_open():
            await self._ledger.renew(hold_ids)

    async def expire(self) -> None:
        """Give back holds whose lease has ended: a killed gateway's, or one whose admission nobody heard of."""
        if expired := await self._ledger.expire():
            log.write("holds_expired", level="warning", holds=expired)

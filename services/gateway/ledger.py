"""What the gateway asks of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.billing.ledger import Admission, Delivery, Question, Settlement


class Ledger(Protocol):
    """`services.billing.ledger.Ledger` is it; what each step does is said there. Every one raises `LedgerAway`."""

    async def admit(self, question: Question) -> Admission: ...

    async def extend(self, hold_id: int, output_tokens: int) -> bool: ...

    async def settle(self, delivery: Delivery) -> Settlement: ...

    async def renew(self, hold_ids: Sequence[int]) -> None: ...

    async def expire(self) -> int: ...

    async def check(self) -> None: ...

"""A ledger in memory that does what the real one does, and notes whatever must never happen."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from contract.money import Unit, charge, hold
from services.billing.ledger import Admission, Delivery, Hold, LedgerAway, Question, Settlement, Verdict

KEY = "sk-of-a-customer"
RICH = 10**15
PRICES = {Unit.INPUT_TOKENS: 1_000_000, Unit.CACHED_INPUT_TOKENS: 500_000, Unit.OUTPUT_TOKENS: 2_000_000}
"""One nano-dollar an input token, two an output token."""


@dataclass
class Kept:
    """A hold, and what became of it."""

    question: Question
    hold: Hold
    settled: list[Delivery] = field(default_factory=list)


@dataclass
class FakeLedger:
    """One account with one key."""

    balance: int = RICH
    is_away: bool = False
    breaks_off: bool = False
    """It does what is asked, and is away before it says so."""
    verdict: Verdict | None = None
    """What it says of every request."""
    kept: dict[int, Kept] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    extensions: list[tuple[int, int]] = field(default_factory=list)
    """Hold and output tokens of each extension that was asked for."""
    renewed: list[list[int]] = field(default_factory=list)
    expiries: int = 0
    wrongs: list[str] = field(default_factory=list)
    """What must never happen."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, admissions wait."""
    extending: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, extensions wait."""
    most_output_tokens: int | None = None
    """Extensions beyond are refused."""

    def __post_init__(self) -> None:
        self.answering.set()
        self.extending.set()

    @property
    def held(self) -> int:
        return sum(kept.hold.amount for kept in self.kept.values() if not kept.settled)

    @property
    def unsettled(self) -> list[int]:
        return [hold_id for hold_id, kept in self.kept.items() if not kept.settled]

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for kept in self.kept.values() for delivery in kept.settled]

    async def admit(self, question: Question) -> Admission:
        self._answer_or_not()
        self.questions.append(question)
        await self._wait(self.answering, "admission")
        if self.verdict is not None:
            return Admission(self.verdict)
        if question.key_hash != hashlib.sha256(KEY.encode()).digest():
            return Admission(Verdict.UNKNOWN_KEY)
        for kept in self.kept.values():
            if kept.question.request_id == question.request_id:
                return Admission(Verdict.ADMITTED, kept.hold)
        output_tokens = question.most_output_tokens
        while output_tokens >= question.least_output_tokens:
            amount = self._price(question.input_tokens, output_tokens)
            if amount <= self.balance - self.held:
                break
            output_tokens -= 1
        else:
            return Admission(Verdict.INSUFFICIENT_FUNDS)
        taken = Hold(len(self.kept) + 1, "acme", 7, PRICES, output_tokens, amount)
        self.kept[taken.id] = Kept(question, taken)
        self._break_off()
        return Admission(Verdict.ADMITTED, taken)

    async def extend(self, hold_id: int, output_tokens: int) -> bool:
        self.extensions.append((hold_id, output_tokens))
        self._answer_or_not()
        await self._wait(self.extending, "extension")
        self._answer_or_not()
        kept = self.kept[hold_id]
        if kept.settled or (self.most_output_tokens is not None and output_tokens > self.most_output_tokens):
            return False
        if output_tokens > kept.hold.output_tokens:
            amount = self._price(kept.question.input_tokens, output_tokens)
            if amount - kept.hold.amount > self.balance - self.held:
                return False
            kept.hold = replace(kept.hold, output_tokens=output_tokens, amount=amount)
        self._break_off()
        return True

    async def settle(self, delivery: Delivery) -> Settlement:
        self._answer_or_not()
        await asyncio.sleep(0)
        kept = self.kept[delivery.hold_id]
        due = charge(
            {
                Unit.INPUT_TOKENS: delivery.input_tokens,
                Unit.CACHED_INPUT_TOKENS: delivery.cached_input_tokens,
                Unit.OUTPUT_TOKENS: delivery.output_tokens,
            },
            PRICES,
        )
        if kept.settled:
            if kept.settled != [delivery]:
                self.wrongs.append(f"hold {delivery.hold_id} is settled twice, differently")
        else:
            if delivery.output_tokens > kept.hold.output_tokens or due > kept.hold.amount:
                self.wrongs.append(f"hold {delivery.hold_id}: {delivery} is more than {kept.hold}")
            if delivery.engine_output_tokens < delivery.output_tokens:
                self.wrongs.append(f"hold {delivery.hold_id}: {delivery} is more than the engine counted")
            kept.settled.append(delivery)
            self.balance -= due
        self._break_off()
        return Settlement(due, 0, delivery.hold_id if due else None)

    async def renew(self, hold_ids: Sequence[int]) -> None:
        self._answer_or_not()
        self.renewed.append(list(hold_ids))

    async def expire(self) -> int:
        self._answer_or_not()
        self.expiries += 1
        return 0

    async def check(self) -> None:
        self._answer_or_not()

    def _price(self, input_tokens: int, output_tokens: int) -> int:
        return hold({Unit.INPUT_TOKENS: input_tokens, Unit.OUTPUT_TOKENS: output_tokens}, PRICES)

    def _answer_or_not(self) -> None:
        if self.is_away:
            raise LedgerAway("nobody answers")

    def _break_off(self) -> None:
        if self.breaks_off:
            self.breaks_off = False
            raise LedgerAway("the connection broke off")

    async def _wait(self, event: asyncio.Event, what: str) -> None:
        try:
            await event.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            # psycopg would lose the connection.
            self.wrongs.append(f"an {what} was cancelled while it was under way")
            raise

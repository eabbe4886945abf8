"""Admits requests: the ledger judges key, model and wallet, and takes a hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from services.billing.ledger import Admission, Hold, LedgerAway, Question, Verdict
from services.gateway.bill import Bill
from services.gateway.bound import bound_output, bound_prompt
from services.gateway.chat import Chat
from services.gateway.engines import Engines
from services.gateway.flight import Flight
from services.gateway.ledger import Ledger
from services.gateway.models import ServedModel
from services.gateway.refusals import Refused, refuse_for_now, refuse_funds, refuse_key, refuse_model
from services.gateway.replicas import Replica, Replicas
from services.gateway.routing import reach
from services.gateway.settlement import Settlements


class Admissions:
    """Takes holds."""

    def __init__(
        self, ledger: Ledger, settlements: Settlements, replicas: Replicas, engines: Engines, slice_tokens: int
    ) -> None:
        self._ledger = ledger
        self._settlements = settlements
        self._replicas = replicas
        self._engines = engines
        self._slice_tokens = slice_tokens
        self._asking: set[asyncio.Task[Admission]] = set()

    async def admit(self, flight: Flight, key_hash: bytes, chat: Chat, model: ServedModel) -> Bill:
        """Return the bill of an admitted request. Whoever gets it has to have it settled.

        Raises:
            Refused: it is not admitted.
        """
        if not self._settlements.has_room():
            raise refuse_for_now("The service has too many requests to settle; ask again.")
        if self._replicas.choose(model.name) is None:
            raise refuse_for_now(f"The model {model.name} is not available now; ask again.")
        question = self._ask_for(flight, key_hash, chat, model)
        admission = await self._ask(question)
        if admission.verdict is Verdict.INSUFFICIENT_FUNDS:
            # The bound may be several times the prompt; the exact number is worth a question to an engine.
            exact = await self._count_prompt(flight, chat, model)
            if exact < question.input_tokens:
                question = replace(question, input_tokens=exact)
                admission = await self._ask(question)
        if admission.hold is None:
            raise _refuse(admission.verdict, model.name)
        return self._begin(question, admission.hold)

    def _ask_for(self, flight: Flight, key_hash: bytes, chat: Chat, model: ServedModel) -> Question:
        most = bound_output(chat, model)
        first = min(self._slice_tokens, most)
        return Question(
            request_id=flight.request_id,
            key_hash=key_hash,
            model=model.name,
            input_tokens=bound_prompt(chat, model),
            least_output_tokens=first if chat.stream else 1,
            most_output_tokens=first if chat.stream else most,
        )

    async def _ask(self, question: Question) -> Admission:
        """Ask the ledger. A client that leaves meanwhile does not break the question off.

        Its hold is given back then. Where the ledger breaks off there may be a hold whose number nobody knows: that
        one ends with its lease.
        """
        asking = asyncio.create_task(self._ledger.admit(question))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        try:
            return await asyncio.shield(asking)
        except LedgerAway:
            raise refuse_for_now("The service can't reach its ledger now; ask again.") from None
        except asyncio.CancelledError:
            asking.add_done_callback(partial(self._give_back, question))
            raise

    def _give_back(self, question: Question, asked: asyncio.Task[Admission]) -> None:
        if asked.cancelled() or asked.exception() is not None:
            return
        if (hold := asked.result().hold) is not None:
            self._settlements.put(self._begin(question, hold))

    def _begin(self, question: Question, hold: Hold) -> Bill:
        bill = Bill(question.request_id, question.model, hold, question.input_tokens)
        self._settlements.open(bill)
        return bill

    async def _count_prompt(self, flight: Flight, chat: Chat, model: ServedModel) -> int:
        @asynccontextmanager
        async def count(replica: Replica) -> AsyncIterator[int]:
            yield await self._engines.count_prompt(replica, chat, flight)

        async with reach(self._replicas, model.name, flight, count) as tokens:
            return min(tokens, model.context_length)


def _refuse(verdict: Verdict, model: str) -> Refused:
    match verdict:
        case Verdict.UNKNOWN_KEY:
            return refuse_key("The API key is not known.")
        case Verdict.REVOKED_KEY:
            return refuse_key("The API key was revoked.")
        case Verdict.UNKNOWN_MODEL:
            return refuse_model(model)
        case _:
            return refuse_funds(model)

"""Plain answers: relayed whole, charged whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.gateway.answers import correct_usage, present
from services.gateway.bill import Bill
from services.gateway.chat import Chat
from services.gateway.counts import Counts, CountsBroken, read_usage
from services.gateway.engines import EngineBroken, Engines
from services.gateway.flight import Flight
from services.gateway.orders import order_answer
from services.gateway.replicas import Replica, Replicas
from services.gateway.routing import reach


@dataclass(frozen=True)
class Answer:
    """A whole answer of an engine."""

    data: dict[str, object]
    counts: Counts


class Plain:
    """Gets plain answers."""

    def __init__(self, replicas: Replicas, engines: Engines) -> None:
        self._replicas = replicas
        self._engines = engines

    async def answer(self, flight: Flight, chat: Chat, bill: Bill) -> dict[str, object]:
        """Return what the client is to read.

        The bill has the answer once it is whole: the client may leave while it is written. Until then a client that
        leaves, which cancels this, owes nothing and the engine's work is broken off.

        Raises:
            Refused: no engine answered.
        """
        held = bill.hold.output_tokens

        @asynccontextmanager
        async def ask(replica: Replica) -> AsyncIterator[Answer]:
            data = await self._engines.ask(replica, order_answer(chat, held), flight)
            yield Answer(data, _count(data))

        async with reach(self._replicas, bill.model, flight, ask) as answer:
            bill.note_counts(answer.counts)
            bill.take_output(held)
        flight.note_first_word()
        return {**present(answer.data, bill.model), "usage": correct_usage(answer.data, bill.to_usage())}


def _count(answer: dict[str, object]) -> Counts:
    try:
        counts = read_usage(answer)
    except CountsBroken as broken:
        raise EngineBroken(f"counts badly: {broken}") from broken
    if counts is None:
        raise EngineBroken("does not count tokens")
    return counts

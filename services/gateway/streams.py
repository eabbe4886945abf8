"""Streams: relayed chunk by chunk, never further than their hold covers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from services.gateway import sse
from services.gateway.answers import correct_usage, end_early, has_choices, present, report_usage
from services.gateway.bill import Bill
from services.gateway.bound import bound_output
from services.gateway.chat import Chat
from services.gateway.chunks import Chunk, read_chunks
from services.gateway.client import Client, ClientGone
from services.gateway.engines import EngineBroken, Engines
from services.gateway.extension import Extension
from services.gateway.flight import Flight
from services.gateway.ledger import Ledger
from services.gateway.meter import Meter
from services.gateway.metrics import Metrics
from services.gateway.models import ServedModel
from services.gateway.orders import order_stream
from services.gateway.replicas import Replica, Replicas
from services.gateway.routing import Attempt, reach

RECEIPT = "faregate-receipt"
"""What a receipt is called: the header of a plain answer, the comment of a stream."""

Begun = tuple[Chunk, AsyncIterator[Chunk]]
"""A stream's first chunk, and those that follow."""


class Streams:
    """Relays streams."""

    def __init__(
        self,
        replicas: Replicas,
        engines: Engines,
        ledger: Ledger,
        metrics: Metrics,
        *,
        slice_tokens: int,
        patience_seconds: float,
    ) -> None:
        self._replicas = replicas
        self._engines = engines
        self._ledger = ledger
        self._metrics = metrics
        self._slice_tokens = slice_tokens
        self._patience_seconds = patience_seconds

    async def relay(self, client: Client, flight: Flight, chat: Chat, model: ServedModel, bill: Bill) -> None:
        """Relay a stream to its end, whoever brings it about.

        Raises:
            Refused: no engine began to answer; nothing was written.
        """
        limit = bound_output(chat, model)
        meter = Meter(held=bill.hold.output_tokens, limit=limit, slice_tokens=self._slice_tokens)
        extension = Extension(self._ledger, bill.hold.id, meter, self._metrics, self._patience_seconds)
        reason = "client"  # where it is cancelled
        try:
            relayed = _Relayed(client, flight, chat, bill, meter, extension)
            async with reach(self._replicas, model.name, flight, self._open(chat, limit, flight)) as (first, rest):
                await relayed.begin(first)
                await relayed.pass_on(_chain(first, rest))
            # The engine is free by now.
            await relayed.finish()
            reason = flight.ended_by or "complete"
        except ClientGone:
            flight.ended_by = "client"
            client.abort()  # one that takes nothing keeps what was written waiting
        finally:
            extension.stop()
            if client.is_begun:
                self._metrics.stream_endings.labels(reason).inc()

    def _open(self, chat: Chat, limit: int, flight: Flight) -> Attempt[Begun]:
        order = order_stream(chat, limit)

        @asynccontextmanager
        async def open_stream(replica: Replica) -> AsyncIterator[Begun]:
            async with (
                self._engines.open_stream(replica, order, flight) as answer,
                aclosing(read_chunks(answer)) as chunks,
            ):
                # As long as the engine has said nothing that can be charged, another one may be asked.
                first = await anext(chunks, None)
                if first is None:
                    raise EngineBroken("said nothing")
                yield first, chunks

        return open_stream


class _Relayed:
    """One stream."""

    def __init__(
        self, client: Client, flight: Flight, chat: Chat, bill: Bill, meter: Meter, extension: Extension
    ) -> None:
        self._client = client
        self._flight = flight
        self._chat = chat
        self._bill = bill
        self._meter = meter
        self._extension = extension
        self._last: dict[str, object] = {}

    async def begin(self, first: Chunk) -> None:
        # The engine has read the prompt: it is owed, whether or not the client still reads.
        self._bill.note_counts(first.counts)
        self._flight.note_first_word()
        await self._client.begin()

    async def pass_on(self, chunks: AsyncIterator[Chunk]) -> None:
        """Relay until the engine's end, or an earlier one."""
        try:
            async for chunk in chunks:
                # Before anything that may end the stream: what is read and not delivered is noted, too.
                self._bill.note_counts(chunk.counts)
                self._last = chunk.data
                if not has_choices(chunk.data):
                    continue
                self._flight.ended_by = await self._extension.cover(chunk.counts.output_tokens)
                if self._flight.ended_by is not None:
                    return
                await self._client.write(sse.write_event(present(chunk.data, self._bill.model)))
                self._meter.deliver(chunk.counts.output_tokens)
                self._bill.take_output(self._meter.held)
                self._extension.ask_early()
        except EngineBroken:
            self._flight.ended_by = "drain" if self._flight.is_ending else "engine"

    async def finish(self) -> None:
        """Write what ends the stream: why it ended early if it did, and what it costs."""
        model, receipt = self._bill.model, self._bill.to_receipt()
        if self._flight.ended_by is not None:
            await self._client.write(sse.write_event(end_early(self._last, model, self._flight.ended_by)))
        if self._chat.include_usage:
            usage = correct_usage(self._last, self._bill.to_usage())
            await self._client.write(sse.write_event(report_usage(self._last, model, usage, receipt)))
        else:
            await self._client.write(sse.write_comment(RECEIPT, receipt))
        await self._client.write(sse.write_done())
        await self._client.end()


async def _chain(first: Chunk, rest: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    yield first
    async for chunk in rest:
        yield chunk

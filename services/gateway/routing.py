"""Leads a request to a replica, and once to another where the first one fails before it has said anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from services.gateway import log
from services.gateway.engines import EngineBroken
from services.gateway.flight import Flight
from services.gateway.refusals import Refused, refuse_engine, refuse_for_now
from services.gateway.replicas import Replica, Replicas

T = TypeVar("T")
Attempt = Callable[[Replica], AbstractAsyncContextManager[T]]


@asynccontextmanager
async def reach(replicas: Replicas, model: str, flight: Flight, attempt: Attempt[T]) -> AsyncIterator[T]:
    """Enter the attempt at a replica; what it raises as it is entered may be tried elsewhere, later nothing is.

    Raises:
        Refused: no replica is up, or those that were tried failed.
    """
    failed: EngineBroken | None = None
    tried: Replica | None = None
    while True:
        replica = _choose(replicas, model, tried, failed)
        if replica is None:
            raise _refuse(model, failed)
        async with AsyncExitStack() as stack:
            stack.enter_context(replica.occupy())
            flight.replica = replica.address
            try:
                reached = await stack.enter_async_context(attempt(replica))
            except EngineBroken as broken:
                if flight.is_ending:
                    raise refuse_for_now("The service is being restarted; ask again.") from broken
                _note(replica, broken, flight)
                if failed is not None or broken.slow:
                    raise _refuse(model, broken) from broken
                failed, tried = broken, replica
                continue
            yield reached
            return


def _choose(replicas: Replicas, model: str, tried: Replica | None, failed: EngineBroken | None) -> Replica | None:
    chosen = replicas.choose(model, tried)
    # Where there is no other one, a connection that was closed while nobody used it is worth a new one.
    return replicas.choose(model) if chosen is None and failed is not None and failed.stale else chosen


def _note(replica: Replica, broken: EngineBroken, flight: Flight) -> None:
    if broken.refused:
        replica.note_refusal()
    log.write(
        "engine_failed",
        level="warning",
        request_id=flight.request_id,
        replica=replica.address,
        reason=broken.reason,
    )


def _refuse(model: str, broken: EngineBroken | None) -> Refused:
    if broken is None or broken.refused:
        return refuse_for_now(f"The model {model} is not available now; ask again.")
    if broken.slow:
        return refuse_engine(f"The model {model} took too long; nothing was charged.", 504)
    return refuse_engine(f"The model {model} failed; nothing was charged.")

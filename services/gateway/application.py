"""The gateway's life: it starts, serves, drains and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress

import aiohttp

from services.gateway import log
from services.gateway.admission import Admissions
from services.gateway.customers import Customers
from services.gateway.discovery import Discovery
from services.gateway.engines import Engines, open_session
from services.gateway.health import Health
from services.gateway.leases import Leases
from services.gateway.ledger import Ledger
from services.gateway.metrics import Metrics
from services.gateway.models import ServedModel
from services.gateway.operations import Operations
from services.gateway.plain import Plain
from services.gateway.recurring import Duty
from services.gateway.replicas import Replicas
from services.gateway.settings import Settings
from services.gateway.settlement import Settlements
from services.gateway.signals import Stop
from services.gateway.streams import Streams
from services.gateway.web_server import WebServer

END_SECONDS = 5
"""The longest that requests take to end once they are told to, and then that settlements are waited for.

Whoever kills the gateway should wait for GATEWAY_DRAIN_SECONDS and twice this.
"""


async def serve(settings: Settings, models: Mapping[str, ServedModel], ledger: Ledger, stop: Stop) -> None:
    """Serve until asked to stop, then drain.

    Raises:
        ListeningFailed: an address can't be had.
    """
    async with open_session() as session:
        gateway = Gateway(settings, models, ledger, session)
        duties = [asyncio.create_task(duty) for duty in gateway.list_duties()]
        try:
            # Operators see a gateway that starts; customers do not, not even one that says 503: load balancers take a
            # new address for up until they have checked it.
            await gateway.operations.listen()
            if await _unless(stop.drain, gateway.wait_until_ready()):
                await gateway.customers.listen()
                log.write("serving", port=gateway.customers.port, operations_port=gateway.operations.port)
                await stop.drain.wait()
            gateway.health.is_draining = True
            await _unless(stop.at_once, gateway.drain())
        finally:
            await gateway.customers.close()
            await gateway.operations.close()
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            gateway.report_unsettled()
    log.write("stopped")


class Gateway:
    """What a gateway is made of."""

    def __init__(
        self, settings: Settings, models: Mapping[str, ServedModel], ledger: Ledger, session: aiohttp.ClientSession
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        metrics = Metrics(models)
        self._replicas = Replicas(models)
        self._discovery = Discovery(self._replicas, settings.engines, session, settings.probe_seconds)
        self.health = Health(self._replicas)
        self.settlements = Settlements(ledger, metrics, settings.settlements)
        self._leases = Leases(ledger, self.settlements)
        engines = Engines(session, silence_seconds=settings.silence_seconds, answer_seconds=settings.answer_seconds)
        self._handler = Customers(
            models,
            Admissions(ledger, self.settlements, self._replicas, engines, settings.slice_tokens),
            Plain(self._replicas, engines),
            Streams(
                self._replicas,
                engines,
                ledger,
                metrics,
                slice_tokens=settings.slice_tokens,
                patience_seconds=settings.ledger.patience_seconds,
            ),
            self.settlements,
            metrics,
            self.health,
            body_bytes=settings.body_bytes,
            silence_seconds=settings.silence_seconds,
        )
        self.customers = WebServer(self._handler.handle, settings.address, settings.port)
        operations = Operations(self.health, metrics, self._replicas)
        self.operations = WebServer(operations.handle, settings.address, settings.operations_port)

    def list_duties(self) -> list[Coroutine[None, None, None]]:
        """Return what is to be done beside requests, until cancelled."""
        settings = self._settings
        return [
            Duty("discovery", self._discovery.look).repeat(settings.probe_seconds),
            Duty("renewal", self._leases.renew).repeat(settings.lease_seconds / 3),
            Duty("expiry", self._leases.expire).repeat(settings.expire_seconds),
            self.settlements.work(),
        ]

    async def wait_until_ready(self) -> None:
        """Return once the ledger has answered, and every model has an engine or was waited for long enough."""
        began = asyncio.get_running_loop().time()
        checking = Duty("start", self._ledger.check)
        while not await checking.attempt():
            await asyncio.sleep(self._settings.probe_seconds)
        while not self._replicas.serve_all():
            if asyncio.get_running_loop().time() - began > self._settings.start_seconds:
                log.write("engines_missing", level="warning", up=dict(self._replicas.count_up()))
                break
            await asyncio.sleep(min(self._settings.probe_seconds, 0.05))
        self.health.is_started = True

    async def drain(self) -> None:
        """Take no more requests, wait for those in flight, end what takes too long, and settle all of it."""
        await self.customers.refuse_connections()
        log.write("draining", holds=len(self.settlements.list_open()))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._handler.wait_until_landed()
        if ended := self._handler.end_flights():
            log.write("ending_requests", level="warning", requests=ended)
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._handler.wait_until_landed()
        # Whoever still writes to a client that does not read is cancelled, which puts its bill in the queue.
        await self.customers.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._handler.wait_until_landed()
                await self.settlements.flush()

    def report_unsettled(self) -> None:
        """Say which holds end with their leases: nobody else will settle them."""
        if hold_ids := self.settlements.list_open():
            log.write("unsettled", level="error", hold_ids=hold_ids)


async def _unless(event: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do the work, and say whether it was done before the event happened."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)

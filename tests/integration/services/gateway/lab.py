"""A gateway, the engines behind it and a client before it, in one event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from contract.catalog import TemplateOverhead
from offline.ports import choose_port
from services.gateway.application import serve
from services.gateway.ledger import Ledger
from services.gateway.models import ServedModel
from services.gateway.settings import Host, LedgerSettings, Settings
from services.gateway.signals import Stop

from .fake_ledger import KEY, FakeLedger
from .scripted_engine import ScriptedEngine, run_engine

MODEL = "tiny"
CONTEXT = 1000
PATIENCE_SECONDS = 60
CHAT = "/v1/chat/completions"
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "a secret question"}]}
SERVED = {MODEL: ServedModel(MODEL, 1, CONTEXT, 200, TemplateOverhead(per_request=25, per_message=5))}

SETTINGS = Settings(
    catalog=Path("/catalog.yaml"),
    engines={},
    ledger=LedgerSettings("/nowhere", 5432, "billing", "billing_gateway", None, 4, 5),
    address="127.0.0.1",
    port=0,
    operations_port=0,
    body_bytes=100_000,
    slice_tokens=8,
    lease_seconds=60,
    expire_seconds=0.02,
    settlements=1000,
    probe_seconds=0.2,  # the longest wait for an answer, too: a busy machine takes its time
    silence_seconds=60,
    answer_seconds=60,
    start_seconds=60,
    drain_seconds=30,
)


async def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; fail the test if it never does."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE_SECONDS} s in vain: {what}") from None


@dataclass
class Heard:
    """An answer as the client read it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        assert self.headers["content-type"].startswith("application/json")
        return self.json["error"]

    @property
    def receipt(self) -> Any:
        return json.loads(self.headers["faregate-receipt"])

    @property
    def events(self) -> list[Any]:
        """The JSON of a stream's events; it must end with [DONE]."""
        assert self.status == 200, self.body
        lines = [line for line in self.body.decode().split("\n\n") if line]
        assert lines[-1] == "data: [DONE]"
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-1] if line.startswith("data: ")]

    @property
    def comments(self) -> list[str]:
        return [line for line in self.body.decode().split("\n\n") if line.startswith(":")]

    @property
    def ended_by(self) -> str | None:
        for event in self.events:
            if "ended_by" in event.get("faregate", {}):
                assert event["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]
                reason: str = event["faregate"]["ended_by"]
                return reason
        return None

    @property
    def words(self) -> str:
        choices = [choice for event in self.events for choice in event["choices"]]
        return "".join(choice["delta"].get("content", "") for choice in choices)


@dataclass
class Lab:
    """What a test works with."""

    settings: Settings
    ledger: FakeLedger
    engines: list[ScriptedEngine]
    session: aiohttp.ClientSession
    stop: Stop
    serving: asyncio.Task[None]
    may_leave_unsettled: bool = field(default=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def engine(self) -> ScriptedEngine:
        return self.engines[0]

    def post(
        self, body: Mapping[str, object] | bytes, headers: Mapping[str, str] | None = None, path: str = CHAT
    ) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"} if headers is None else headers
        return self.session.post(f"{self.url}{path}", data=data, headers=given)

    async def ask(self, body: Mapping[str, object] | bytes = HELLO, headers: Mapping[str, str] | None = None) -> Heard:
        async with self.post(body, headers) as answer:
            return Heard(answer.status, answer.headers, await answer.read())

    async def stream(self, **fields: object) -> Heard:
        return await self.ask({**HELLO, "stream": True, **fields})

    async def get(self, path: str, *, operations: bool = False) -> Heard:
        port = self.settings.operations_port if operations else self.settings.port
        async with self.session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return Heard(answer.status, answer.headers, await answer.read())

    async def measure(self, name: str) -> float:
        """Return the value of a metric, with its labels as they are written."""
        for line in (await self.get("/metrics", operations=True)).body.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0

    async def is_open(self, *, operations: bool = False) -> bool:
        """Say whether anybody listens."""
        port = self.settings.operations_port if operations else self.settings.port
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def settled(self) -> None:
        await wait_until(lambda: not self.ledger.unsettled, "every hold is settled")

    async def wait_until_operators_see_it(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.is_open(operations=True):
                await asyncio.sleep(0.01)

    async def wait_until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await self.is_open() and (await self.get("/readyz")).status == 200):
                assert not self.serving.done(), self.serving
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Have the gateway end, and prove that it owes nothing."""
        self.stop.ask()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.serving
        assert self.ledger.wrongs == []
        assert self.may_leave_unsettled or self.ledger.unsettled == []


@asynccontextmanager
async def open_lab(
    *engines: ScriptedEngine, ledger: FakeLedger | None = None, ready: bool = True, **changes: Any
) -> AsyncIterator[Lab]:
    """Run a gateway with a fake ledger before scripted engines (one that does as it is told, unless some are given)."""
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(run_engine(engine)) for engine in engines or [ScriptedEngine()]]
        hosts = {MODEL: tuple(Host("127.0.0.1", engine.port) for engine in running)}
        lab = await stack.enter_async_context(
            open_gateway(make_settings(hosts, **changes), SERVED, ledger or FakeLedger(), running)
        )
        if ready:
            await lab.wait_until_ready()
        yield lab


@asynccontextmanager
async def open_gateway(
    settings: Settings, models: Mapping[str, ServedModel], ledger: FakeLedger, engines: list[ScriptedEngine]
) -> AsyncIterator[Lab]:
    """Run a gateway, and end it as it should be ended unless the test fails."""
    stop = Stop()
    async with aiohttp.ClientSession() as session:
        serving = asyncio.create_task(serve(settings, models, ledger, stop))
        lab = Lab(settings, ledger, engines, session, stop, serving)
        try:
            yield lab
            if not serving.done():
                await lab.end()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def make_settings(engines: Mapping[str, tuple[Host, ...]], **changes: Any) -> Settings:
    patience = changes.pop("patience_seconds", SETTINGS.ledger.patience_seconds)
    port = choose_port(())
    return replace(
        SETTINGS,
        engines=engines,
        ledger=replace(SETTINGS.ledger, patience_seconds=patience),
        port=port,
        operations_port=choose_port((port,)),
        **changes,
    )


def check_type(ledger: FakeLedger) -> Ledger:
    """Have mypy prove that the fake one has the real one's methods."""
    return ledger

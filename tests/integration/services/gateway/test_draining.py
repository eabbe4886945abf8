from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from services.billing.ledger import Delivery
from services.gateway.web_server import WebServer

from .fake_ledger import KEY, FakeLedger
from .lab import HELLO, open_lab, wait_until
from .scripted_engine import Line, ScriptedEngine


async def test_what_is_in_flight_is_finished_and_nothing_new_is_taken() -> None:
    go_on = asyncio.Event()

    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("one ", 3)
        await go_on.wait()
        await line.say("two ", 6)
        await line.finish(6)

    async with open_lab(ScriptedEngine(play)) as lab:
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", lab.settings.port)
        asking = asyncio.create_task(lab.stream())
        await wait_until(lambda: lab.engine.working == 1, "the engine works")
        lab.stop.ask()

        assert await idle.read() == b""  # closed
        idle_writer.close()
        while await lab.is_open():
            await asyncio.sleep(0.01)
        assert (await lab.get("/readyz", operations=True)).body == b"draining\n"
        assert not lab.serving.done()
        go_on.set()
        heard = await asking
        await lab.serving

        assert (heard.words, heard.ended_by) == ("one two ", None)
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 6, 6)]


async def test_whoever_is_connected_when_it_begins_to_drain_is_served() -> None:
    """A load balancer that has sent its request knows of no other gateway to ask."""
    body = json.dumps(HELLO)
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    async with open_lab() as lab:
        connections = [await asyncio.open_connection("127.0.0.1", lab.settings.port) for _ in range(20)]
        lab.stop.ask()
        while await lab.is_open():
            await asyncio.sleep(0)
        for _, writer in connections:
            writer.write(request.encode())
        answers = await asyncio.gather(*(reader.read() for reader, _ in connections))
        for _, writer in connections:
            writer.close()
        await lab.serving

        assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * len(connections)


async def test_whoever_is_connected_in_the_kernel_alone_is_served() -> None:
    async def greet(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"hello")

    server = WebServer(greet, "127.0.0.1", 0)
    await server.listen()
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await server.refuse_connections()  # the event loop has not looked at the connection yet
        answer = await asyncio.to_thread(connection.recv, 65536)
    await server.close()

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"hello")


async def test_streams_that_take_too_long_are_ended_cleanly() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("one ", 3)
        await asyncio.Event().wait()

    async with open_lab(ScriptedEngine(play), drain_seconds=0.1) as lab:
        asking = asyncio.create_task(lab.stream())
        await wait_until(lambda: lab.engine.working == 1, "the engine works")
        await asyncio.sleep(0.1)
        lab.stop.ask()
        heard = await asking
        await lab.serving

        assert (heard.words, heard.ended_by) == ("one ", "drain")
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 3, 3)]


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_that_never_began_may_be_asked_for_elsewhere(stream: bool) -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine, drain_seconds=0.1) as lab:
        asking = asyncio.create_task(lab.ask({**HELLO, "stream": stream}))
        await wait_until(lambda: engine.working == 1, "the engine works")
        lab.stop.ask()
        heard = await asking
        await lab.serving

        assert (heard.status, "retry-after" in heard.headers) == (503, True)
        assert lab.ledger.deliveries == [Delivery(1)]


async def test_a_second_signal_ends_it_at_once_and_what_is_unsettled_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine, drain_seconds=3600) as lab:
        asking = asyncio.create_task(lab.ask())
        await wait_until(lambda: engine.working == 1, "the engine works")
        lab.ledger.is_away = True
        lab.stop.ask()
        while await lab.is_open():
            await asyncio.sleep(0.01)
        lab.stop.ask()
        await lab.serving
        with pytest.raises(Exception, match=r"(?i)disconnect|reset|closed"):
            await asking

    assert '"event": "unsettled", "hold_ids": [1]' in capsys.readouterr().out


async def test_settlements_that_wait_are_made_before_the_end() -> None:
    async with open_lab() as lab:
        async with lab.post(HELLO) as answer:
            await answer.read()
            lab.ledger.is_away = True
        lab.stop.ask()
        while await lab.is_open():
            await asyncio.sleep(0.01)
        lab.ledger.is_away = False
        await lab.serving

        assert lab.ledger.unsettled == []


async def test_nobody_listens_before_the_ledger_has_answered_and_an_engine_is_up() -> None:
    async with open_lab(ScriptedEngine(healthy=False), ledger=FakeLedger(is_away=True), ready=False) as lab:
        await lab.wait_until_operators_see_it()
        assert (await lab.get("/readyz", operations=True)).body == b"starting\n"
        assert not await lab.is_open()
        lab.ledger.is_away = False
        await wait_until(lambda: lab.ledger.expiries > 0, "the ledger answers")
        assert not await lab.is_open()
        lab.engine.healthy = True
        await lab.wait_until_ready()


async def test_an_engine_that_never_comes_is_not_waited_for_without_end() -> None:
    async with open_lab(ScriptedEngine(healthy=False), ready=False, start_seconds=0.1) as lab:
        while not await lab.is_open():
            await asyncio.sleep(0.01)

        assert (await lab.get("/readyz")).body == b"no engine for tiny\n"


async def test_a_gateway_that_still_starts_can_be_stopped() -> None:
    async with open_lab(ledger=FakeLedger(is_away=True), ready=False) as lab:
        await lab.wait_until_operators_see_it()
        lab.stop.ask()
        await lab.serving

"""Clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from services.billing.ledger import Delivery

from .fake_ledger import KEY, FakeLedger
from .lab import CHAT, HELLO, Lab, open_lab, wait_until
from .scripted_engine import Line, ScriptedEngine


async def send(lab: Lab, body: Mapping[str, object]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.settings.port)
    text = json.dumps(body).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(text)}\r\n\r\n"
    writer.write(head.encode() + text)
    return reader, writer


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_engine_spoke_owes_nothing_and_frees_the_engine(stream: bool) -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine) as lab:
        _, writer = await send(lab, {**HELLO, "stream": stream})
        await wait_until(lambda: engine.working == 1, "the engine works")
        writer.close()
        await wait_until(lambda: engine.broken_off == 1, "the engine's request is closed")
        await lab.settled()

        assert lab.ledger.deliveries == [Delivery(1)]
        assert await lab.measure('faregate_gateway_requests_total{model="tiny",status="gone"}') == 1


async def test_a_client_that_leaves_midway_owes_what_was_written_to_it_and_frees_the_engine() -> None:
    forever = asyncio.Event()

    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("one ", 3)
        await line.say("two ", 6)
        await forever.wait()

    async with open_lab(ScriptedEngine(play)) as lab:
        reader, writer = await send(lab, {**HELLO, "stream": True})
        await reader.readuntil(b"two ")
        writer.close()
        await wait_until(lambda: lab.engine.broken_off == 1, "the engine's request is closed")
        await lab.settled()

        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 6, 6)]
        assert await lab.measure('faregate_gateway_stream_endings_total{reason="client"}') == 1


async def test_what_the_engine_had_sent_and_a_client_that_left_did_not_get_is_noted_and_costs_nothing() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("one ", 3)
        await line.say("two ", 6)
        await line.say("three ", 12)
        await asyncio.Event().wait()

    async with open_lab(ScriptedEngine(play), slice_tokens=8) as lab:
        lab.ledger.extending.clear()
        reader, writer = await send(lab, {**HELLO, "stream": True})
        await reader.readuntil(b"two ")
        # The third part is over the hold: it waits for the ledger, and the client does not.
        await asyncio.sleep(0.1)
        writer.close()
        await wait_until(lambda: lab.engine.broken_off == 1, "the engine's request is closed")
        lab.ledger.extending.set()
        await lab.settled()

        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 6, 12)]


async def test_a_client_that_takes_nothing_is_given_up() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        for number in range(1, 200):
            await line.say("x" * 500_000, number)
        await line.finish(199)

    async with open_lab(ScriptedEngine(play), slice_tokens=200, silence_seconds=0.3) as lab:
        _, writer = await send(lab, {**HELLO, "stream": True})
        await wait_until(lambda: len(lab.ledger.deliveries) == 1, "it is settled")

        (delivery,) = lab.ledger.deliveries
        assert 0 < delivery.output_tokens < 199
        # The part that was being written is not delivered; the engine counted it.
        assert delivery.engine_output_tokens == delivery.output_tokens + 1
        writer.transport.abort()


async def test_a_client_that_leaves_while_the_ledger_is_asked_has_its_hold_given_back() -> None:
    async with open_lab() as lab:
        lab.ledger.answering.clear()
        _, writer = await send(lab, HELLO)
        await wait_until(lambda: len(lab.ledger.questions) == 1, "the ledger is asked")
        writer.close()
        while await lab.measure('faregate_gateway_requests_total{model="tiny",status="gone"}') != 1:
            await asyncio.sleep(0.01)
        lab.ledger.answering.set()
        await wait_until(lambda: lab.ledger.deliveries == [Delivery(1)], "the hold is given back")

        assert lab.engine.orders == []


@pytest.mark.parametrize("stream", [False, True])
async def test_whenever_a_client_leaves_its_hold_is_settled_once_and_for_no_more_than_was_held(stream: bool) -> None:
    """Leave after every number of turns of the event loop, up to where the answer is complete."""
    async with open_lab(ledger=FakeLedger(), slice_tokens=8) as lab:
        body = {**HELLO, "stream": stream}
        _, writer = await send(lab, body)
        turns = 0
        while not lab.ledger.deliveries:
            await asyncio.sleep(0)
            turns += 1
        writer.close()
        assert turns > 10

        for leaving in range(turns + 5):
            _, writer = await send(lab, body)
            for _ in range(leaving):
                await asyncio.sleep(0)
            writer.transport.abort()
        await wait_until(lambda: lab.engine.working == 0, "the engine is free")
        while await lab.measure("faregate_gateway_requests_in_flight"):
            await asyncio.sleep(0.01)
        await lab.settled()

        outputs = {delivery.output_tokens for delivery in lab.ledger.deliveries}
        assert outputs <= {0, *range(3, 31, 3), 31} if stream else outputs <= {0, 9}
        assert len(outputs) > 1
        counted = {delivery.engine_output_tokens - delivery.output_tokens for delivery in lab.ledger.deliveries}
        assert counted <= ({0, 1, 3} if stream else {0})
        assert all(delivery.input_tokens == 8 for delivery in lab.ledger.deliveries if delivery.output_tokens)
        assert all(len(kept.settled) == 1 for kept in lab.ledger.kept.values())
        assert (await lab.ask(body)).status == 200

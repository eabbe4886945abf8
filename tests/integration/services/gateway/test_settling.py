from __future__ import annotations

import asyncio
import json

import pytest

from services.billing.ledger import Delivery, Settlement

from .fake_ledger import KEY, FakeLedger
from .lab import HELLO, open_lab, wait_until
from .scripted_engine import ScriptedEngine


async def test_an_answer_does_not_wait_for_its_settlement_which_is_made_once_the_ledger_is_back() -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine) as lab:
        asking = asyncio.create_task(lab.ask())
        await wait_until(lambda: engine.working == 1, "the engine works")
        lab.ledger.is_away = True
        engine.gate.set()

        assert (await asking).status == 200
        while await lab.measure("faregate_gateway_settlement_retries_total") < 2:
            await asyncio.sleep(0.01)
        assert await lab.measure("faregate_gateway_settlements_queued") == 1
        assert await lab.measure("faregate_gateway_holds_open") == 1
        lab.ledger.is_away = False
        await lab.settled()
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 9, 9)]
        while await lab.measure("faregate_gateway_holds_open"):
            await asyncio.sleep(0.01)


async def test_a_settlement_that_was_made_and_not_heard_of_is_asked_for_again_unchanged() -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine) as lab:
        asking = asyncio.create_task(lab.ask())
        await wait_until(lambda: engine.working == 1, "the engine works")
        lab.ledger.breaks_off = True
        engine.gate.set()
        await asking
        while await lab.measure('faregate_gateway_tokens_total{model="tiny",unit="output_tokens"}') != 9:
            await asyncio.sleep(0.01)

        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 9, 9)]
        assert lab.ledger.balance == 10**15 - 28
        assert await lab.measure('faregate_gateway_charged_nanodollars_total{model="tiny"}') == 28


async def test_a_settlement_that_is_refused_for_good_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = FakeLedger()
    settle = ledger.settle

    async def refuse_first(delivery: Delivery) -> Settlement:
        if delivery.hold_id == 1:
            raise RuntimeError("no such hold")
        return await settle(delivery)

    ledger.settle = refuse_first  # type: ignore[method-assign]
    async with open_lab(ledger=ledger) as lab:
        lab.may_leave_unsettled = True
        for _ in range(6):
            await lab.ask()
        await wait_until(lambda: lab.ledger.unsettled == [1], "the others are settled")

        assert await lab.measure("faregate_gateway_settlements_failed_total") == 1
        assert await lab.measure("faregate_gateway_holds_open") == 0
    assert '"event": "settlement_failed"' in capsys.readouterr().out


async def test_open_holds_are_renewed_and_leases_looked_at_though_the_ledger_was_away() -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine, lease_seconds=0.06) as lab:
        asking = asyncio.create_task(lab.ask())
        await wait_until(lambda: [1] in lab.ledger.renewed, "the hold is renewed")
        lab.ledger.is_away = True
        await asyncio.sleep(0.05)
        before, looked = len(lab.ledger.renewed), lab.ledger.expiries
        lab.ledger.is_away = False
        await wait_until(lambda: len(lab.ledger.renewed) > before, "it is renewed again")
        await wait_until(lambda: lab.ledger.expiries > looked, "leases are looked at again")
        engine.gate.set()
        await asking
        await lab.settled()
        while await lab.measure("faregate_gateway_holds_open"):
            await asyncio.sleep(0.01)
        count = len(lab.ledger.renewed)
        await asyncio.sleep(0.1)

        assert len(lab.ledger.renewed) <= count + 1


async def test_the_log_names_request_account_and_cost_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    async with open_lab() as lab:
        own = {"Authorization": f"Bearer {KEY}", "X-Request-Id": "mine\t<x>" + "y" * 100}
        plain = await lab.ask(headers=own)
        streamed = await lab.stream()
        refused = await lab.ask({**HELLO, "max_tokens": "a secret"})
        await lab.settled()
    said = capsys.readouterr().out

    lines = {line["request_id"]: line for line in map(json.loads, said.splitlines()) if line["event"] == "request"}
    line = lines[plain.headers["x-request-id"]]
    assert (line["account"], line["hold_id"], line["model"], line["status"]) == ("acme", 1, "tiny", 200)
    assert (line["input_tokens"], line["cached_input_tokens"], line["output_tokens"]) == (8, 4, 9)
    assert line["engine_output_tokens"] == 9
    assert line["charge_nanodollars"] == 28
    assert line["client_request_id"] == ("mine__x_" + "y" * 100)[:64]
    assert lines[streamed.headers["x-request-id"]]["charge_nanodollars"] == 72
    assert lines[refused.headers["x-request-id"]]["status"] == 400
    for secret in ("secret", KEY, "question"):
        assert secret not in said


async def test_every_metric_says_what_it_is() -> None:
    async with open_lab() as lab:
        await lab.ask()
        await lab.stream()
        await lab.settled()
        text = (await lab.get("/metrics", operations=True)).body.decode()

    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE faregate_")}
    described = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP faregate_")}
    assert names == described
    assert 'faregate_gateway_requests_total{model="tiny",status="2xx"} 2.0' in text
    assert 'faregate_gateway_first_word_seconds_count{model="tiny"} 2.0' in text
    assert 'faregate_gateway_stream_endings_total{reason="complete"} 1.0' in text
    assert 'faregate_gateway_replicas_up{model="tiny"} 1.0' in text

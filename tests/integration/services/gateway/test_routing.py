from __future__ import annotations

import asyncio

import pytest

from services.billing.ledger import Delivery

from .fake_ledger import KEY
from .lab import HELLO, open_lab, wait_until
from .scripted_engine import ScriptedEngine


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["500", "503", "drops", "no counts"])
async def test_a_replica_that_fails_before_the_first_byte_is_replaced_by_another_once(fault: str, stream: bool) -> None:
    engines = [ScriptedEngine(), ScriptedEngine()]
    # No probe comes that takes the other one for dead where this machine is busy.
    async with open_lab(*engines, probe_seconds=3600) as lab:
        # Whichever is asked first fails once.
        for engine in engines:
            if fault.isdigit():
                engine.status = int(fault)
            elif fault == "drops":
                engine.drops = 100
            else:
                engine.usage = {}
                engine.play = play_nothing
        asking = asyncio.create_task(lab.ask({**HELLO, "stream": stream}))
        await wait_until(lambda: sum(len(engine.orders) for engine in engines) >= 1, "one was asked")
        heard = await asking
        await lab.settled()

        assert heard.status == 502
        assert [len(engine.orders) for engine in engines] == [1, 1]
        assert lab.ledger.deliveries == [Delivery(1)]

        engines[0].status, engines[0].drops, engines[0].usage, engines[0].play = 200, 0, None, None
        answers = [await lab.ask({**HELLO, "stream": stream}) for _ in range(8)]

        assert [answer.status for answer in answers] == [200] * 8


async def play_nothing(*_: object) -> None:
    pass


async def test_a_connection_that_a_lone_engine_closed_is_tried_once_more() -> None:
    async with open_lab(ScriptedEngine(drops=1)) as lab:
        heard = await lab.ask()

        assert heard.status == 200
        assert len(lab.engine.orders) == 2


async def test_a_lone_engine_that_fails_is_not_asked_again() -> None:
    async with open_lab(ScriptedEngine(status=500)) as lab:
        heard = await lab.ask()

        assert heard.status == 502
        assert len(lab.engine.orders) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_engine_is_given_up_and_nobody_else_does_its_work(stream: bool) -> None:
    engines = [ScriptedEngine(), ScriptedEngine()]
    for engine in engines:
        engine.gate.clear()
    async with open_lab(*engines, silence_seconds=0.2, answer_seconds=0.2) as lab:
        heard = await lab.ask({**HELLO, "stream": stream})
        await lab.settled()

        assert heard.status == 504
        assert sum(len(engine.orders) for engine in engines) == 1
        await wait_until(lambda: not any(engine.working for engine in engines), "the engine is free")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_replica_that_refuses_connections_gets_no_more_requests(stream: bool) -> None:
    # No probe comes that could notice it.
    async with open_lab(ScriptedEngine(), ScriptedEngine(), probe_seconds=3600) as lab:
        gone, other = lab.engines
        assert gone.close
        await gone.close()
        answers = [await lab.ask({**HELLO, "stream": stream}) for _ in range(20)]
        table = (await lab.get("/routes.csv", operations=True)).body.decode().splitlines()

        assert [answer.status for answer in answers] == [200] * 20
        assert f"{gone.address},DOWN" in table
        assert f"{other.address},UP" in table


async def test_an_engine_that_refuses_connections_is_a_reason_to_ask_again_and_costs_nothing() -> None:
    async with open_lab(probe_seconds=3600) as lab:
        assert lab.engine.close
        await lab.engine.close()
        heard = await lab.ask()
        await lab.settled()

        assert (heard.status, "retry-after" in heard.headers) == (503, True)
        assert lab.ledger.deliveries == [Delivery(1)]


async def test_the_table_says_where_requests_are_led() -> None:
    engines = [ScriptedEngine(), ScriptedEngine()]
    async with open_lab(*engines) as lab:

        async def read() -> list[str]:
            heard = await lab.get("/routes.csv", operations=True)
            assert heard.headers["content-type"].startswith("text/csv")
            return heard.body.decode().splitlines()

        both = sorted(engine.address for engine in engines)
        while (await read())[1:] != [f"{address},UP" for address in both]:
            await asyncio.sleep(0.01)
        assert (await read())[0] == "addr,status"

        engines[0].healthy = False
        while f"{engines[0].address},DOWN" not in await read():
            await asyncio.sleep(0.01)
        assert [(await lab.ask()).status for _ in range(5)] == [200] * 5
        assert engines[0].orders == []

        engines[0].healthy = True
        while f"{engines[0].address},UP" not in await read():
            await asyncio.sleep(0.01)


async def test_a_model_without_an_engine_is_not_available_now_and_a_gateway_without_one_not_ready() -> None:
    async with open_lab() as lab:
        lab.engine.healthy = False
        while (await lab.get("/readyz")).status == 200:
            await asyncio.sleep(0.01)
        heard = await lab.ask()

        assert (heard.status, "retry-after" in heard.headers) == (503, True)
        assert (await lab.get("/readyz", operations=True)).body == b"no engine for tiny\n"
        assert (await lab.get("/healthz")).status == 200
        assert lab.ledger.questions == []


async def test_requests_go_where_the_fewest_are() -> None:
    engines = [ScriptedEngine(), ScriptedEngine()]
    for engine in engines:
        engine.gate.clear()
    async with open_lab(*engines) as lab:
        while b"DOWN" in (await lab.get("/routes.csv", operations=True)).body:
            await asyncio.sleep(0.01)
        asking = []
        for number in range(1, 7):
            asking.append(asyncio.create_task(lab.ask()))
            await wait_until(lambda n=number: sum(e.working for e in engines) == n, "it is worked on")  # type: ignore[misc]

        assert [engine.working for engine in engines] == [3, 3]
        for engine in engines:
            engine.gate.set()
        assert [(await answer).status for answer in asking] == [200] * 6


async def test_nothing_of_a_customer_s_headers_reaches_an_engine() -> None:
    async with open_lab() as lab:
        own = {
            "Authorization": f"Bearer {KEY}",
            "Cookie": "a=secret",
            "X-Conversation-Id": "secret",
            "X-Request-Id": "secret",
            "User-Agent": "secret",
        }
        heard = await lab.ask(headers=own)

        (headers,) = lab.engine.headers
        assert "secret" not in str(headers)
        assert KEY not in str(headers)
        assert set(headers) == {
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-request-id",
        }
        assert headers["x-request-id"] == heard.headers["x-request-id"]

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from services.billing.ledger import Delivery, Verdict

from .fake_ledger import KEY, FakeLedger
from .lab import CHAT, HELLO, Lab, open_lab
from .scripted_engine import ScriptedEngine


async def talk(lab: Lab, text: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, whatever they are, and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.settings.port)
    writer.write(text)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY} x", "Bearer \xe9"]
)
async def test_a_request_without_a_key_is_refused_and_the_ledger_is_not_asked(header: str | None) -> None:
    async with open_lab() as lab:
        heard = await lab.ask(headers={} if header is None else {"Authorization": header})

        assert (heard.status, heard.error["code"]) == (401, "invalid_api_key")
        assert lab.ledger.questions == []


async def test_only_the_hash_of_a_key_goes_on() -> None:
    async with open_lab() as lab:
        heard = await lab.ask(headers={"Authorization": "Bearer another"})

        assert (heard.status, heard.error["code"]) == (401, "invalid_api_key")
        assert "another" not in heard.error["message"]
        assert [len(question.key_hash) for question in lab.ledger.questions] == [32]


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [
        (Verdict.UNKNOWN_KEY, 401, "invalid_api_key"),
        (Verdict.REVOKED_KEY, 401, "invalid_api_key"),
        (Verdict.UNKNOWN_MODEL, 404, "model_not_found"),
        (Verdict.INSUFFICIENT_FUNDS, 402, "insufficient_quota"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_ledger_says_is_what_clients_know(
    verdict: Verdict, status: int, code: str, stream: bool
) -> None:
    async with open_lab(ledger=FakeLedger(verdict=verdict)) as lab:
        heard = await lab.ask({**HELLO, "stream": stream})

        assert (heard.status, heard.error["code"]) == (status, code)
        assert set(heard.error) == {"message", "type", "param", "code"}
        assert lab.engine.orders == []


async def test_a_model_that_is_not_served_is_not_found() -> None:
    async with open_lab() as lab:
        heard = await lab.ask({**HELLO, "model": "gpt-9"})

        assert (heard.status, heard.error["code"], heard.error["param"]) == (404, "model_not_found", "model")


async def test_a_ledger_that_is_away_is_a_reason_to_ask_again() -> None:
    async with open_lab() as lab:
        lab.ledger.is_away = True
        heard = await lab.ask()

        assert heard.status == 503
        assert 1 <= int(heard.headers["retry-after"]) <= 5
        assert (await lab.get("/readyz")).status == 200
        lab.ledger.is_away = False


async def test_a_ledger_that_breaks_off_leaves_a_hold_that_ends_with_its_lease() -> None:
    async with open_lab(ledger=FakeLedger(breaks_off=True)) as lab:
        lab.may_leave_unsettled = True
        heard = await lab.ask()

        assert heard.status == 503
        assert lab.engine.orders == []


async def test_a_field_that_is_wrong_is_named() -> None:
    async with open_lab() as lab:
        heard = await lab.ask({**HELLO, "max_tokens": 0})

        assert (heard.status, heard.error["param"]) == (400, "max_tokens")
        assert heard.error["message"] == "max_tokens: given 0; allowed: an integer from 1 to 2147483647"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large_is_refused(declared: bool) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b"x" * 10_000

    async with open_lab(body_bytes=50_000) as lab:
        data: Any = b"x" * 50_001 if declared else pieces()
        headers = {"Authorization": f"Bearer {KEY}"}
        async with lab.session.post(f"{lab.url}{CHAT}", data=data, headers=headers) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["message"].endswith("at most 50000 bytes")
            assert UUID(answer.headers["x-request-id"])


async def test_every_answer_says_which_request_it_belongs_to() -> None:
    async with open_lab() as lab:
        own = {"Authorization": f"Bearer {KEY}", "X-Request-Id": "mine"}
        plain = await lab.ask(headers=own)
        heard = [
            plain,
            await lab.stream(),
            await lab.ask(b"no JSON"),
            await lab.ask(headers={}),
            await lab.get("/nowhere"),
            await lab.get(CHAT),
            await lab.get("/v1/models"),
            await lab.get("/v1/models/none"),
            await lab.get("/readyz"),
            await lab.get("/metrics", operations=True),
            await lab.get("/nowhere", operations=True),
        ]

        assert [answer.status for answer in heard] == [200, 200, 400, 401, 404, 405, 200, 404, 200, 200, 404]
        assert len({UUID(answer.headers["x-request-id"]) for answer in heard}) == len(heard)
        assert {answer.headers["server"] for answer in heard} == {"faregate"}
        assert str(lab.ledger.questions[0].request_id) == plain.headers["x-request-id"] != "mine"


async def test_what_is_no_http_is_answered_in_the_same_form() -> None:
    async with open_lab() as lab:
        status, headers, body = await talk(lab, b"GET / HTTP/1.1\r\nbad header\r\n\r\n")

        assert status == 400
        assert UUID(headers["x-request-id"])
        assert json.loads(body)["error"]["type"] == "invalid_request_error"


async def test_a_client_that_waits_for_leave_to_send_gets_it() -> None:
    body = json.dumps(HELLO).encode()
    async with open_lab() as lab:
        reader, writer = await asyncio.open_connection("127.0.0.1", lab.settings.port)
        writer.write(
            f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nExpect: 100-continue\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_too_many_requests_to_settle_are_refused() -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_lab(engine, settlements=2) as lab:
        asking = [asyncio.create_task(lab.ask()) for _ in range(2)]
        while engine.working < 2:
            await asyncio.sleep(0.01)
        heard = await lab.ask()
        engine.gate.set()

        assert (heard.status, "retry-after" in heard.headers) == (503, True)
        assert [(await answer).status for answer in asking] == [200, 200]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_engine_says_of_a_bad_request_is_passed_on(stream: bool) -> None:
    async with open_lab(ScriptedEngine(status=400, error="the prompt is too long"), ScriptedEngine(status=400)) as lab:
        heard = await lab.ask({**HELLO, "stream": stream})
        await lab.settled()

        assert (heard.status, heard.error["type"]) == (400, "invalid_request_error")
        assert "The model's engine does not take this request: " in heard.error["message"]
        assert sum(len(engine.orders) for engine in lab.engines) == 1
        assert lab.ledger.deliveries == [Delivery(1)]


async def test_a_fault_of_the_gateway_s_own_is_an_answer_too_and_its_text_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret question")

    async with open_lab() as lab:
        monkeypatch.setattr("services.gateway.admission.bound_prompt", fail)
        heard = await lab.ask()

        assert (heard.status, heard.error["code"]) == (500, "internal_error")
    assert "secret" not in capsys.readouterr().out


async def test_models_are_listed_as_openai_does() -> None:
    async with open_lab() as lab:
        tiny = {"id": "tiny", "object": "model", "created": 1, "owned_by": "faregate"}

        assert (await lab.get("/v1/models")).json == {"object": "list", "data": [tiny]}
        assert (await lab.get("/v1/models/tiny")).json == tiny

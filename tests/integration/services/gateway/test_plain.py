from __future__ import annotations

from services.billing.ledger import Delivery

from .fake_ledger import FakeLedger
from .lab import HELLO, MODEL, open_lab
from .scripted_engine import CACHED, PROMPT, ScriptedEngine, make_usage

# HELLO's messages as JSON, and what the template adds to one message.
BOUND = len('[{"role": "user", "content": "a secret question"}]') + 25 + 5


async def test_an_answer_is_relayed_whole_and_charged_whole() -> None:
    async with open_lab() as lab:
        heard = await lab.ask()
        await lab.settled()

        assert heard.status == 200
        assert heard.json == {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "nine secret words"},
                }
            ],
            "usage": make_usage(9),
        }
        assert heard.receipt == {
            "request_id": heard.headers["x-request-id"],
            "model": MODEL,
            "price_version": 7,
            "input_tokens": PROMPT - CACHED,
            "cached_input_tokens": CACHED,
            "output_tokens": 9,
            "charge_usd": "0.000000028",
        }
        assert lab.ledger.deliveries == [Delivery(1, PROMPT - CACHED, CACHED, 9, 9)]


async def test_the_hold_covers_the_prompt_s_bytes_and_all_the_answer_may_be() -> None:
    async with open_lab() as lab:
        await lab.ask()
        await lab.ask({**HELLO, "max_tokens": 3})

        asked = [(q.input_tokens, q.least_output_tokens, q.most_output_tokens) for q in lab.ledger.questions]
        assert asked == [(BOUND, 1, 200), (BOUND, 1, 3)]


async def test_the_engine_makes_no_more_than_the_wallet_covers() -> None:
    async with open_lab(ledger=FakeLedger(balance=BOUND + 2 * 5)) as lab:
        heard = await lab.ask()

        assert lab.engine.orders[0]["max_tokens"] == 5
        assert lab.engine.orders[0]["stream"] is False
        assert heard.receipt["output_tokens"] == 5


async def test_a_prompt_that_its_bytes_make_too_dear_is_counted_exactly() -> None:
    async with open_lab(ScriptedEngine(counts_of_prompt=PROMPT), ledger=FakeLedger(balance=PROMPT + 2 * 5)) as lab:
        heard = await lab.ask()

        assert heard.status == 200
        assert [question.input_tokens for question in lab.ledger.questions] == [BOUND, PROMPT]
        assert len({question.request_id for question in lab.ledger.questions}) == 1


async def test_a_prompt_that_is_too_dear_counted_exactly_is_refused() -> None:
    async with open_lab(ledger=FakeLedger(balance=PROMPT)) as lab:
        heard = await lab.ask()

        assert (heard.status, heard.error["code"]) == (402, "insufficient_quota")
        assert "Add funds" in heard.error["message"]
        assert lab.engine.orders == []


async def test_what_the_template_makes_of_tools_is_held_as_a_whole_context() -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    async with open_lab() as lab:
        await lab.ask({**HELLO, "tools": tools})

        assert lab.ledger.questions[0].input_tokens == 1000
        assert lab.engine.orders[0]["tools"] == tools


async def test_a_customer_never_pays_for_more_than_was_held() -> None:
    usage = {"prompt_tokens": 5000, "completion_tokens": 900, "prompt_tokens_details": None}
    async with open_lab(ScriptedEngine(usage=usage)) as lab:
        heard = await lab.ask({**HELLO, "max_tokens": 3})
        await lab.settled()

        assert heard.status == 200
        assert lab.ledger.deliveries == [Delivery(1, BOUND, 0, 3, 900)]
        assert await lab.measure("faregate_gateway_bounds_exceeded_total") == 1


async def test_an_answer_without_counts_is_not_relayed() -> None:
    for usage in ({}, {"prompt_tokens": "many", "completion_tokens": 1}, {"prompt_tokens": -1, "completion_tokens": 1}):
        async with open_lab(ScriptedEngine(usage=usage)) as lab:
            heard = await lab.ask()
            await lab.settled()

            assert (heard.status, heard.error["code"]) == (502, "engine_failed")
            assert lab.ledger.deliveries == [Delivery(1)]

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from services.billing.ledger import Delivery

from .fake_ledger import FakeLedger
from .lab import HELLO, MODEL, open_lab, wait_until
from .scripted_engine import Line, ScriptedEngine, make_chunk, make_usage

WHOLE = "".join(f"secret{number} " for number in range(1, 11))


async def test_a_stream_is_relayed_whole_and_charged_by_the_engine_s_counts() -> None:
    async with open_lab() as lab:
        heard = await lab.stream(stream_options={"include_usage": True})
        await lab.settled()

        assert heard.words == WHOLE
        assert heard.ended_by is None
        assert [event["choices"][0]["finish_reason"] for event in heard.events[:-1]] == [None] * 10 + ["stop"]
        assert {event["model"] for event in heard.events} == {MODEL}
        assert "timings" not in heard.body.decode()
        assert heard.events[-1]["usage"] == make_usage(31)
        assert heard.events[-1]["faregate"] == {
            "request_id": heard.headers["x-request-id"],
            "model": MODEL,
            "price_version": 7,
            "input_tokens": 8,
            "cached_input_tokens": 4,
            "output_tokens": 31,
            "charge_usd": "0.000000072",
        }
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 31, 31)]
        assert str(lab.ledger.questions[0].request_id) == heard.headers["x-request-id"]


async def test_usage_that_nobody_asked_for_is_a_comment() -> None:
    async with open_lab() as lab:
        heard = await lab.stream()

        assert all(event["choices"] and "usage" not in event for event in heard.events)
        (comment,) = heard.comments
        receipt = json.loads(comment.removeprefix(": faregate-receipt "))
        assert (receipt["output_tokens"], receipt["charge_usd"]) == (31, "0.000000072")


async def test_an_engine_is_asked_for_what_the_gateway_decides() -> None:
    async with open_lab() as lab:
        await lab.stream(max_completion_tokens=50, max_tokens=90, temperature=0.5, unknown={"kept": [1]})

        assert lab.engine.orders == [
            {
                **HELLO,
                "temperature": 0.5,
                "unknown": {"kept": [1]},
                "max_tokens": 50,
                "stream": True,
                "stream_options": {"include_usage": True},
                "timings_per_token": True,
            }
        ]


async def test_what_is_asked_beyond_the_model_s_limit_is_cut_to_it() -> None:
    async with open_lab() as lab:
        await lab.stream(max_tokens=100_000)

        assert lab.engine.orders[0]["max_tokens"] == 200


async def test_a_hold_grows_by_slices_before_it_is_used_up() -> None:
    async with open_lab(slice_tokens=8) as lab:
        await lab.stream()

        question = lab.ledger.questions[0]
        assert (question.least_output_tokens, question.most_output_tokens) == (8, 8)
        assert [tokens for _, tokens in lab.ledger.extensions] == [16, 24, 32]


async def test_a_short_answer_needs_no_extension() -> None:
    async with open_lab(slice_tokens=100) as lab:
        await lab.stream()

        assert lab.ledger.extensions == []


async def test_a_hold_never_covers_more_than_was_asked_for() -> None:
    async with open_lab(slice_tokens=8) as lab:
        await lab.stream(max_tokens=31)

        assert [tokens for _, tokens in lab.ledger.extensions] == [16, 24, 31]


async def test_one_chunk_may_bring_more_than_a_slice() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("a", 1)
        await line.say("b", 60)
        await line.finish(60)

    async with open_lab(ScriptedEngine(play), slice_tokens=8) as lab:
        heard = await lab.stream()

        assert (heard.words, heard.ended_by) == ("ab", None)
        assert lab.ledger.extensions[-1][1] == 60


async def test_no_chunk_is_written_before_its_tokens_are_held() -> None:
    async with open_lab(slice_tokens=8) as lab:
        lab.ledger.extending.clear()
        async with lab.post({**HELLO, "stream": True}) as answer:
            first = await answer.content.readuntil(b"secret2")
            await wait_until(lambda: len(lab.ledger.extensions) == 1, "an extension is asked for")
            # The chunk after is over the hold: it may come only once the extension is there.
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await answer.content.readuntil(b"secret3")
            lab.ledger.extending.set()
            rest = await answer.content.read()

        assert b"secret1" in first
        assert b"secret10" in rest


async def test_a_spent_wallet_ends_a_stream_cleanly_at_what_was_held() -> None:
    async with open_lab(ledger=FakeLedger(most_output_tokens=16), slice_tokens=8) as lab:
        heard = await lab.stream(stream_options={"include_usage": True})
        await lab.settled()

        assert heard.ended_by == "wallet"
        assert heard.words == "".join(f"secret{number} " for number in range(1, 6))
        assert heard.events[-1]["usage"] == make_usage(15)
        assert heard.events[-1]["faregate"]["output_tokens"] == 15
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 15, 18)]
        assert await lab.measure('faregate_gateway_stream_endings_total{reason="wallet"}') == 1
        assert await lab.measure("faregate_gateway_extensions_refused_total") == 1


async def test_the_engine_is_free_once_a_wallet_is_spent() -> None:
    forever = asyncio.Event()

    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("a", 8)
        await line.say("b", 9)
        await forever.wait()

    async with open_lab(ScriptedEngine(play), ledger=FakeLedger(most_output_tokens=8), slice_tokens=8) as lab:
        heard = await lab.stream()
        await wait_until(lambda: lab.engine.broken_off == 1, "the engine's request is closed")

        assert (heard.words, heard.ended_by) == ("a", "wallet")


async def test_a_ledger_that_stays_away_ends_a_stream_where_its_hold_does() -> None:
    async with open_lab(slice_tokens=8) as lab:
        lab.ledger.extending.clear()
        async with lab.post({**HELLO, "stream": True}) as answer:
            await answer.content.readuntil(b"secret2")
            lab.ledger.is_away = True
            lab.ledger.extending.set()
            rest = await answer.content.read()
        assert b'"ended_by":"ledger"' in rest
        assert lab.ledger.unsettled == [1]
        lab.ledger.is_away = False
        await lab.settled()

        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 6, 9)]
        assert await lab.measure("faregate_gateway_settlement_retries_total") > 0


async def test_a_ledger_that_does_not_answer_is_waited_for_and_no_longer_than_said() -> None:
    async with open_lab(slice_tokens=8, patience_seconds=0.1) as lab:
        lab.ledger.extending.clear()
        heard = await lab.stream()
        lab.ledger.extending.set()

        assert heard.ended_by == "ledger"


async def test_a_ledger_that_comes_back_in_time_is_not_noticed() -> None:
    ledger, go_on = FakeLedger(), asyncio.Event()

    async def play(line: Line, _: Mapping[str, Any]) -> None:
        ledger.is_away = True
        await line.say("a", 5)
        await go_on.wait()
        await line.say("b", 12)
        await line.finish(12)

    async with open_lab(ScriptedEngine(play), ledger=ledger, slice_tokens=8) as lab:
        asking = asyncio.create_task(lab.stream())
        await wait_until(lambda: len(ledger.extensions) >= 2, "the extension was asked for again")
        ledger.is_away = False
        await wait_until(lambda: ledger.kept[1].hold.output_tokens == 16, "the hold was extended")
        go_on.set()
        heard = await asking

        assert (heard.words, heard.ended_by) == ("ab", None)


async def test_an_extension_that_was_made_and_not_heard_of_is_asked_for_again() -> None:
    ledger, go_on = FakeLedger(), asyncio.Event()
    ledger.extending.clear()

    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("a", 5)
        await go_on.wait()
        await line.say("b", 12)
        await line.finish(12)

    async with open_lab(ScriptedEngine(play), ledger=ledger, slice_tokens=8) as lab:
        asking = asyncio.create_task(lab.stream())
        await wait_until(lambda: len(ledger.extensions) == 1, "an extension is asked for")
        ledger.breaks_off = True
        ledger.extending.set()
        await wait_until(lambda: len(ledger.extensions) == 2, "it is asked for again")
        go_on.set()
        heard = await asking

        assert (heard.words, heard.ended_by) == ("ab", None)
        assert ledger.extensions == [(1, 16), (1, 16)]


async def cut(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await asyncio.sleep(0.05)  # else the cut overtakes what is on its way
    line.cut()


async def stall(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await asyncio.Event().wait()


async def end_too_early(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)


async def say_an_error(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await line.raw(b'data: {"error":{"code":500,"message":"oh"}}\n\n')


async def say_no_json(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await line.raw(b"data: {oh\n\n")


async def stop_counting(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await line.write(make_chunk({"content": "free"}, None, None))


async def count_backwards(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await line.say("free", 2)


async def exceed_the_limit(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await line.say("free", 201)


async def exceed_every_ledger(line: Line, _: Mapping[str, Any]) -> None:
    await line.say("secret1 ", 3)
    await line.say("free", 2**63)


@pytest.mark.parametrize(
    ("play", "counted"),
    [
        (cut, 3),
        (stall, 3),
        (end_too_early, 3),
        (say_an_error, 3),
        (say_no_json, 3),
        (stop_counting, 3),
        (count_backwards, 3),
        (exceed_the_limit, 201),
        (exceed_every_ledger, 3),
    ],
)
async def test_an_engine_that_fails_midway_ends_the_stream_so_that_the_client_can_tell(play: Any, counted: int) -> None:
    async with open_lab(ScriptedEngine(play), slice_tokens=100, silence_seconds=0.5) as lab:
        heard = await lab.stream(stream_options={"include_usage": True})
        await lab.settled()

        assert (heard.words, heard.ended_by) == ("secret1 ", "engine")
        assert heard.events[-1]["faregate"]["output_tokens"] == 3
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 3, counted)]
        assert await lab.measure('faregate_gateway_stream_endings_total{reason="engine"}') == 1


async def test_an_engine_that_does_not_count_is_refused_before_the_first_byte() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.write(make_chunk({"role": "assistant", "content": ""}, None, None))
        await line.write(make_chunk({"content": "free"}, None, None))

    async with open_lab(ScriptedEngine(play)) as lab:
        heard = await lab.stream()
        await lab.settled()

        assert (heard.status, heard.error["code"]) == (502, "engine_failed")
        assert lab.ledger.deliveries == [Delivery(1)]


async def test_a_role_without_counts_is_delivered_with_the_first_words() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.write(make_chunk({"role": "assistant"}, None, None))
        await line.say("word", 2)
        await line.finish(2)

    async with open_lab(ScriptedEngine(play)) as lab:
        heard = await lab.stream()

        assert heard.events[0]["choices"][0]["delta"] == {"role": "assistant"}
        assert heard.words == "word"


async def test_tokens_of_no_word_are_charged_with_the_end_and_only_if_held() -> None:
    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("word", 8)
        await line.finish(9)

    async with open_lab(ScriptedEngine(play), ledger=FakeLedger(most_output_tokens=8), slice_tokens=8) as lab:
        heard = await lab.stream()
        await lab.settled()

        assert (heard.words, heard.ended_by) == ("word", "wallet")
        assert lab.ledger.deliveries == [Delivery(1, 8, 4, 8, 9)]

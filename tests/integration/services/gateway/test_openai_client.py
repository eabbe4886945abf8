"""OpenAI's own client talks through the gateway to a real model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import hypothesis
import openai
import pytest
from hypothesis import strategies as st

from contract.documents import read_catalog
from contract.money import Unit, charge, format_usd
from services.billing.ledger import Delivery
from services.gateway.bound import bound_prompt
from services.gateway.chat import parse_chat
from services.gateway.models import choose_models
from services.gateway.settings import Host
from services.gateway.sse import encode
from tests.integration.services.engine.processes import Engine

from .fake_ledger import KEY, PRICES, FakeLedger
from .lab import Lab, make_settings, open_gateway
from .real_engine import MODEL, run_real_engine

HELLO: list[Any] = [{"role": "user", "content": "Say hello with an emoji."}]
SERVED = choose_models(read_catalog(), [MODEL])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with run_real_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@dataclass
class Talk:
    lab: Lab
    client: openai.AsyncOpenAI

    @property
    def ledger(self) -> FakeLedger:
        return self.lab.ledger

    async def create(self, **fields: Any) -> Any:
        """Ask for an answer that is as long as it may be, and always the same."""
        given = {"model": MODEL, "messages": HELLO, "max_tokens": 24, "seed": 1, "temperature": 0.0, **fields}
        return await self.client.chat.completions.create(**given, extra_body={"ignore_eos": True})


@asynccontextmanager
async def begin_talk(engine: Engine, ledger: FakeLedger | None = None, key: str = KEY) -> AsyncIterator[Talk]:
    settings = make_settings({MODEL: (Host("127.0.0.1", engine.port),)}, slice_tokens=8, probe_seconds=1)
    async with (
        open_gateway(settings, SERVED, ledger or FakeLedger(), []) as lab,
        openai.AsyncOpenAI(base_url=f"{lab.url}/v1", api_key=key, max_retries=0) as client,
    ):
        await lab.wait_until_ready()
        yield Talk(lab, client)


async def test_an_answer_is_charged_as_the_model_counted(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        answer = await talk.create()
        await talk.lab.settled()

        assert answer.model == MODEL
        assert answer.choices[0].message.content
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 24
        assert "timings" not in answer.model_extra
        cached = answer.usage.prompt_tokens_details.cached_tokens
        assert talk.ledger.deliveries == [Delivery(1, answer.usage.prompt_tokens - cached, cached, 24, 24)]
        assert talk.ledger.questions[0].input_tokens >= answer.usage.prompt_tokens


async def test_a_header_says_what_an_answer_cost(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        raw = await talk.client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=8)

        assert raw.headers["x-request-id"] == str(talk.ledger.questions[0].request_id)
        assert raw.headers["faregate-receipt"].startswith('{"request_id":"')


async def test_a_stream_is_charged_as_the_model_counted(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        chunks = [chunk async for chunk in await talk.create(stream=True, stream_options={"include_usage": True})]
        await talk.lab.settled()
        plain = await talk.create()

        words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
        assert words == plain.choices[0].message.content
        assert chunks[-2].choices[0].finish_reason == "length"
        assert {chunk.model for chunk in chunks} == {MODEL}
        usage = chunks[-1].usage
        assert usage.completion_tokens == 24
        (delivery,) = talk.ledger.deliveries[:1]
        assert delivery.output_tokens == delivery.engine_output_tokens == 24
        assert delivery.input_tokens + delivery.cached_input_tokens == usage.prompt_tokens
        receipt = chunks[-1].model_extra["faregate"]
        quantities = {
            Unit.INPUT_TOKENS: delivery.input_tokens,
            Unit.CACHED_INPUT_TOKENS: delivery.cached_input_tokens,
            Unit.OUTPUT_TOKENS: 24,
        }
        assert receipt["charge_usd"] == format_usd(charge(quantities, PRICES))
        assert [tokens for _, tokens in talk.ledger.extensions] == [16, 24]


async def test_a_stream_without_usage_is_what_the_client_expects(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        chunks = [chunk async for chunk in await talk.create(stream=True)]
        await talk.lab.settled()

        assert all(chunk.choices and chunk.usage is None for chunk in chunks)
        assert talk.ledger.deliveries[0].output_tokens == 24


async def test_an_answer_that_ends_by_itself_is_charged_with_the_token_that_ends_it(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        stream = await talk.client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Answer with one word: yes or no?"}],
            stream=True,
            stream_options={"include_usage": True},
            temperature=0.0,
            max_tokens=200,
        )
        chunks = [chunk async for chunk in stream]
        await talk.lab.settled()

        assert chunks[-2].choices[0].finish_reason == "stop"
        (delivery,) = talk.ledger.deliveries
        assert delivery.output_tokens == chunks[-1].usage.completion_tokens  # type: ignore[union-attr]
        assert delivery.engine_output_tokens == delivery.output_tokens


async def test_a_spent_wallet_ends_a_stream_without_an_exception(engine: Engine) -> None:
    async with begin_talk(engine, FakeLedger(most_output_tokens=16)) as talk:
        chunks = [chunk async for chunk in await talk.create(stream=True)]
        await talk.lab.settled()

        assert chunks[-1].choices[0].finish_reason == "length"
        assert chunks[-1].model_extra["faregate"] == {"ended_by": "wallet"}
        (delivery,) = talk.ledger.deliveries
        assert 8 < delivery.output_tokens <= 16 < delivery.engine_output_tokens


async def test_a_prompt_is_counted_by_the_engine_where_its_bytes_are_too_dear(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        tokens = (await talk.create()).usage.prompt_tokens
    async with begin_talk(engine, FakeLedger(balance=tokens + 2 * 24)) as talk:
        await talk.create()

        assert [question.input_tokens for question in talk.ledger.questions[1:]] == [tokens]


async def test_models_are_listed(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        assert [model.id async for model in talk.client.models.list()] == [MODEL]
        assert (await talk.client.models.retrieve(MODEL)).owned_by == "faregate"


async def test_errors_are_the_client_s_own(engine: Engine) -> None:
    async with begin_talk(engine) as talk:
        with pytest.raises(openai.NotFoundError) as unknown:
            await talk.create(model="gpt-9")
        with pytest.raises(openai.BadRequestError) as wrong:
            await talk.create(max_tokens=0)
        with pytest.raises(openai.BadRequestError) as long:
            await talk.create(messages=[{"role": "user", "content": "word " * 1500}])
        talk.ledger.is_away = True
        with pytest.raises(openai.InternalServerError) as away:
            await talk.create()
        talk.ledger.is_away = False

        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
        assert wrong.value.param == "max_tokens"
        assert "context" in long.value.message
        assert away.value.status_code == 503
        assert away.value.response.headers["retry-after"]


async def test_a_key_that_is_not_known_is_the_client_s_own_error(engine: Engine) -> None:
    async with begin_talk(engine, key="sk-nobody") as talk:
        with pytest.raises(openai.AuthenticationError) as refused:
            await talk.create(stream=True)

        assert refused.value.code == "invalid_api_key"


async def test_an_empty_wallet_is_status_402(engine: Engine) -> None:
    async with begin_talk(engine, FakeLedger(balance=0)) as talk:
        with pytest.raises(openai.APIStatusError) as refused:
            await talk.create()

        assert (refused.value.status_code, refused.value.code) == (402, "insufficient_quota")


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "tool"]),
            "content": st.text(st.characters(codec="utf-8"), max_size=60)
            | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=20)}), max_size=3),
        }
    ),
    min_size=1,
    max_size=4,
)


@hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(MESSAGES)
def test_a_prompt_is_never_longer_than_its_bound(engine: Engine, messages: list[Any]) -> None:
    chat = parse_chat(encode({"model": MODEL, "messages": messages}))
    status, rendered = engine.post("/apply-template", {"messages": messages})
    if status != 200:  # the template does not take such a conversation
        return
    _, tokenized = engine.post("/tokenize", {"content": rendered["prompt"], "add_special": True, "parse_special": True})

    assert len(tokenized["tokens"]) <= bound_prompt(chat, SERVED[MODEL])

"""Every token that a customer gets through the environment's address is paid for, once, and told in every book."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import openai
import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from offline.completion import CompletionFailed, ask

from .conftest import Environment, wait_until

MODEL = "smollm2-135m"
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me a long story about a cat."}]
SITE = "ansible-playbook playbooks/site.yml"
BILLING = "python -m services.billing"


@pytest.fixture(scope="module")
def customer(environment: Environment) -> Iterator[openai.OpenAI]:
    """Return OpenAI's client, set up by `activate` and nothing else."""
    printed = environment.shell('printf "%s\\n" "$OPENAI_BASE_URL" "$OPENAI_API_KEY"').stdout.split()
    with openai.OpenAI(base_url=printed[0], api_key=printed[1], max_retries=0, timeout=120) as client:
        yield client


def test_the_first_up_shows_a_receipt_that_the_ledger_confirms(environment: Environment) -> None:
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in environment.first_up.splitlines()]
    told = {row[0]: row[1] for row in rows if len(row) == 2}
    shown = _show(environment, told["request"])
    tokens = [shown["request"][name] for name in ("input_tokens", "cached_input_tokens", "output_tokens")]
    assert told["tokens"] == "{} in, {} in from the cache, {} out".format(*tokens)
    assert min(tokens[0], tokens[2]) > 0
    charge = sum(count * price for count, price in zip(tokens, (100, 50, 200), strict=True))
    assert shown["request"]["charge"] == charge
    assert [entry["amount"] for entry in shown["entries"]] == [-charge, charge]
    assert told["wallet"].startswith("5.00 USD before, ")
    assert told["ledger transaction"] == str(shown["request"]["transaction_id"])


def test_plain_answers_and_streams_are_charged_what_the_engines_counted(
    environment: Environment, customer: openai.OpenAI
) -> None:
    before, counted_before = _read_balance(environment), _count_of_engines(environment)

    plain = customer.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, max_tokens=20)
    with customer.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=200, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)

    usage, last = plain.parse().usage, chunks[-1].usage
    assert usage
    assert last
    requests = [UUID(plain.headers["x-request-id"]), UUID(stream.response.headers["x-request-id"])]
    settled = [_await_settled(environment, str(request)) for request in requests]
    for shown, counts in zip(settled, (usage, last), strict=True):
        delivered = shown["request"]
        assert delivered["output_tokens"] == counts.completion_tokens
        assert delivered["input_tokens"] + delivered["cached_input_tokens"] == counts.prompt_tokens
    assert len(settled[1]["extensions"]) == 1, "128 tokens are the first slice, 200 need a second one"
    counted = _count_of_engines(environment) - counted_before
    assert sum(shown["request"]["output_tokens"] for shown in settled) == counted
    receipt = json.loads(plain.headers["faregate-receipt"])
    assert receipt["output_tokens"] == usage.completion_tokens
    assert before - _read_balance(environment) == sum(shown["request"]["charge"] for shown in settled)
    assert _is_proven(environment)
    printed = environment.make("logs").stdout
    for request in requests:
        assert len(re.findall(rf'"event": "request", "request_id": "{request}"', printed)) == 1


def test_a_client_that_leaves_before_its_plain_answer_pays_nothing(
    environment: Environment, customer: openai.OpenAI
) -> None:
    before, counted_before = _read_balance(environment), _count_of_engines(environment)

    with pytest.raises(openai.APITimeoutError):
        customer.with_options(timeout=3).chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=2000, extra_body={"ignore_eos": True}
        )

    wait_until(lambda: environment.read_account()["held"] == 0)
    assert _count_of_engines(environment) > counted_before, "an engine was at work for it"
    assert _read_balance(environment) == before
    assert _is_proven(environment)


def test_errors_are_those_of_openai_and_have_a_request_id(environment: Environment, customer: openai.OpenAI) -> None:
    poor = json.loads(environment.shell(f"{BILLING} account open poor --json").stdout)
    assert poor["account"] == "poor"
    key = environment.shell(f"{BILLING} key add poor first --replace").stdout.strip()

    def fail(client: openai.OpenAI, **changes: Any) -> openai.APIStatusError:
        with pytest.raises(openai.APIStatusError) as failed:
            client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, "max_tokens": 2, **changes})
        UUID(failed.value.response.headers["x-request-id"])
        return failed.value

    failures = {
        "unknown key": fail(customer.with_options(api_key="fg_nobody")),
        "empty wallet": fail(customer.with_options(api_key=key)),
        "unknown model": fail(customer, model="gpt-9"),
        "bad request": fail(customer, temperature="hot"),
        "wrong field": fail(customer, max_tokens=-1),
    }
    assert {name: (failure.status_code, failure.code) for name, failure in failures.items()} == {
        "unknown key": (401, "invalid_api_key"),
        "empty wallet": (402, "insufficient_quota"),
        "unknown model": (404, "model_not_found"),
        "bad request": (400, failures["bad request"].code),
        "wrong field": (400, failures["wrong field"].code),
    }
    assert failures["wrong field"].param == "max_tokens"

    environment.shell(f"{BILLING} key revoke poor first")
    assert fail(customer.with_options(api_key=key)).status_code == 401
    assert _read_balance(environment, "poor") == 0


def test_a_spent_wallet_is_reported_with_the_command_that_credits_it(environment: Environment) -> None:
    url, key = environment.outputs().gateway_url, environment.home.read_demo_key()
    with _hold_everything(environment), pytest.raises(CompletionFailed) as failed:
        ask(url, MODEL, key)  # the last step of `make up`
    assert "the wallet of account demo is spent" in str(failed.value)
    assert "`python -m services.billing credit demo 5`" in str(failed.value)
    before = _read_balance(environment)
    environment.shell(f"{BILLING} credit demo 5")
    assert _read_balance(environment) == before + 5_000_000_000
    assert ask(url, MODEL, key).output_tokens > 0


def test_whoever_dies_every_customer_pays_once_for_what_came_and_nothing_for_what_did_not(
    environment: Environment, customer: openai.OpenAI
) -> None:
    before = _read_balance(environment)

    # A gateway dies: its stream breaks off, the other one serves.
    stream = _begin_stream(customer)
    broken = stream.response.headers["x-request-id"]
    next(iter(stream))
    environment.kill(next(part for part in ("gateway-1", "gateway-2") if _is_open(environment, part)))
    with pytest.raises(openai.APIConnectionError):
        for _ in stream:
            pass
    answer = customer.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=2)
    assert answer.usage

    # The database dies: a stream runs to the end of what is held, and nobody else is served.
    with _begin_stream(customer) as stream:
        request = stream.response.headers["x-request-id"]
        chunks = iter(stream)
        next(chunks)
        environment.kill("database-1")
        with pytest.raises(openai.InternalServerError) as refused:
            customer.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=2)
        last = [chunk for chunk in chunks if chunk.choices][-1]
    assert refused.value.status_code == 503
    assert int(refused.value.response.headers["retry-after"]) > 0
    assert last.choices[0].finish_reason == "length"
    assert last.model_extra == {"faregate": {"ended_by": "ledger"}}

    environment.shell(SITE)

    shown = _await_settled(environment, request)
    assert 0 < shown["request"]["output_tokens"] <= shown["request"]["held_output_tokens"]
    later = customer.with_options(max_retries=5).chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=2)
    assert later.usage
    wait_until(lambda: _show(environment, broken)["request"]["state"] == "expired")
    wait_until(lambda: environment.read_account()["held"] == 0)
    paid = before - _read_balance(environment)
    assert paid == shown["request"]["charge"] + _charge_of(answer.usage) + _charge_of(later.usage)
    assert _is_proven(environment)


def _begin_stream(customer: openai.OpenAI) -> openai.Stream[ChatCompletionChunk]:
    """Begin a stream that takes longer than what the test does meanwhile."""
    return customer.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=2000, stream=True, extra_body={"ignore_eos": True}
    )


@contextmanager
def _hold_everything(environment: Environment) -> Iterator[None]:
    """Hold the whole wallet, as a long request of another customer of the account would."""
    key_hash = hashlib.sha256(environment.home.read_demo_key().encode()).digest()
    most = 1_000_000_000
    with environment.connect("billing_gateway") as gateway:
        held = gateway.execute(
            "select hold_id from billing.admit(%s, %s, %s, 0, 1, %s, '1 hour')", (uuid4(), key_hash, MODEL, most)
        ).fetchone()
        assert held
        try:
            yield
        finally:
            gateway.execute("select billing.settle(%s, 0, 0, 0)", held)


def _show(environment: Environment, request: str) -> Any:
    return json.loads(environment.shell(f"{BILLING} show {request} --json").stdout)


def _await_settled(environment: Environment, request: str) -> Any:
    wait_until(lambda: _show(environment, request)["request"]["state"] == "settled")
    return _show(environment, request)


def _read_balance(environment: Environment, account: str = "demo") -> int:
    return int(environment.read_account(account)["balance"])


def _is_proven(environment: Environment) -> bool:
    return bool(json.loads(environment.shell(f"{BILLING} prove --json").stdout)["proven"])


def _charge_of(usage: Any) -> int:
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return int((usage.prompt_tokens - cached) * 100 + cached * 50 + usage.completion_tokens * 200)


def _count_of_engines(environment: Environment) -> int:
    """Return how many tokens both engines have put out since they started."""
    return sum(environment.count_output_tokens(f"engine-{MODEL}-{number}") for number in (1, 2))


def _is_open(environment: Environment, part: str) -> bool:
    """Say whether a gateway has a request in flight."""
    [value] = re.findall(r"^faregate_gateway_holds_open (\S+)", environment.read_metrics(part, 8001), re.MULTILINE)
    return float(value) > 0

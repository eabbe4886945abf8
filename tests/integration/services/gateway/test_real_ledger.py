"""The gateway's process, before the real ledger."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract.money import parse_usd
from tests.integration.services.billing.books import MODEL, PASSWORD, Books
from tests.integration.services.billing.conftest import run_books

from .lab import Heard, wait_until
from .processes import Process, run_process
from .scripted_engine import Line, ScriptedEngine, run_engine

HELLO: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
PROMPT_PRICE = 8 * 100 + 4 * 50
"""Nano-dollars that the scripted engine's prompt costs: 8 tokens, and 4 that were cached."""
TOKEN_PRICE = 200


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """Return a ledger with the model's price and no account."""
    with run_books(tmp_path_factory.mktemp("books")) as books:
        books.publish()
        yield books


@pytest.fixture
def account(request: pytest.FixtureRequest, books: Books) -> Iterator[str]:
    """Return the name of an account that has nothing, and prove the books afterwards."""
    name = f"a{abs(hash(request.node.name))}"
    books.open_account(name, key=f"key-of-{name}")
    yield name
    assert books.problems == []
    assert books.wallet(name)[1] == 0


@dataclass
class Shop:
    """A gateway, the engine behind it, and one customer."""

    books: Books
    account: str
    engine: ScriptedEngine
    gateway: Process
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    async def ask(self, **fields: Any) -> Heard:
        return await self.gateway.ask({**HELLO, **fields}, f"key-of-{self.account}")

    def credit(self, amount: int) -> None:
        with self.books.connect("admin") as admin:
            admin.execute("select billing.credit(%s, %s, %s)", (self.account, amount, f"for {self.account}"))

    @property
    def wallet(self) -> tuple[int, int]:
        return self.books.wallet(self.account)

    async def settled(self) -> None:
        await wait_until(lambda: self.wallet[1] == 0, "nothing is held")

    async def end(self) -> None:
        self.gateway.process.send_signal(signal.SIGTERM)
        assert await self.gateway.wait() == 0
        assert self.gateway.stderr.read_text() == ""
        assert self.gateway.said[-1]["event"] == "stopped"


@asynccontextmanager
async def open_shop(
    books: Books, account: str, folder: Path, engine: ScriptedEngine | None = None, **settings: str
) -> AsyncIterator[Shop]:
    password = folder / "password"
    password.write_text(f"{PASSWORD}\n")
    async with run_engine(engine or ScriptedEngine()) as running:
        environment = {
            "GATEWAY_ENGINE_HOSTS": f"{MODEL}={running.address}",
            "GATEWAY_LEDGER_HOST": "127.0.0.1",
            "GATEWAY_LEDGER_PORT": str(books.container.port),
            "GATEWAY_LEDGER_NAME": books.database,
            "GATEWAY_LEDGER_PASSWORD_FILE": str(password),
            "GATEWAY_SLICE_TOKENS": "8",
            **{f"GATEWAY_{name}": value for name, value in settings.items()},
        }
        async with run_process(folder / "gateway", environment) as gateway:
            await gateway.wait_until_ready()
            yield Shop(books, account, running, gateway, folder, environment)


async def test_what_a_receipt_says_is_what_the_wallet_loses(books: Books, account: str, tmp_path: Path) -> None:
    async with open_shop(books, account, tmp_path) as shop:
        shop.credit(10**9)
        plain = await shop.ask()
        stream = await shop.ask(stream=True, stream_options={"include_usage": True})
        await shop.settled()
        receipts = [plain.receipt, stream.events[-1]["faregate"]]

        charges = [PROMPT_PRICE + 9 * TOKEN_PRICE, PROMPT_PRICE + 31 * TOKEN_PRICE]
        assert [parse_usd(receipt["charge_usd"]) for receipt in receipts] == charges
        assert shop.wallet == (10**9 - sum(charges), 0)
        requests = books.query(
            "select request_id::text, charge, output_tokens, engine_output_tokens from reports.requests "
            "where account = %s order by hold_id",
            account,
        )
        assert requests == [
            (receipts[0]["request_id"], charges[0], 9, 9),
            (receipts[1]["request_id"], charges[1], 31, 31),
        ]
        await shop.end()


async def test_a_wallet_is_spent_to_the_last_slice_and_never_further(
    books: Books, account: str, tmp_path: Path
) -> None:
    async with open_shop(books, account, tmp_path) as shop:
        bound = len('[{"role": "user", "content": "hello"}]') + 30
        shop.credit(100 * bound + 16 * TOKEN_PRICE)
        heard = await shop.ask(stream=True)
        await shop.settled()

        assert heard.ended_by == "wallet"
        counts = "select output_tokens, engine_output_tokens from reports.requests where account = %s"
        assert books.query(counts, account) == [(15, 18)]
        assert shop.wallet[0] == 100 * bound + 16 * TOKEN_PRICE - PROMPT_PRICE - 15 * TOKEN_PRICE
        statuses: list[int] = []
        while not statuses or statuses[-1] == 200:
            statuses.append((await shop.ask(max_tokens=9)).status)
            await shop.settled()
        assert statuses[-1] == 402
        assert 0 <= shop.wallet[0] < 12 * 100 + TOKEN_PRICE


async def test_customers_who_ask_at_once_never_spend_more_than_there_is(
    books: Books, account: str, tmp_path: Path
) -> None:
    async with open_shop(books, account, tmp_path) as shop:
        shop.credit(120_000)
        heard = await asyncio.gather(*(shop.ask(stream=bool(number % 2)) for number in range(60)))
        await shop.settled()

        assert {answer.status for answer in heard} == {200, 402}
        spent = sum(
            parse_usd(answer.receipt["charge_usd"])
            for answer in heard
            if answer.status == 200 and "faregate-receipt" in answer.headers
        )
        assert 0 < spent <= 120_000 - shop.wallet[0]
        assert shop.wallet[0] >= 0
        assert books.one("select coalesce(sum(shortfall), 0) from billing.settlements") == 0


async def test_keys_and_models_are_the_ledger_s_to_know(books: Books, account: str, tmp_path: Path) -> None:
    async with open_shop(books, account, tmp_path) as shop:
        unknown = await shop.gateway.ask(HELLO, "nobody")
        poor = await shop.ask()

        assert (unknown.status, unknown.error["code"]) == (401, "invalid_api_key")
        assert (poor.status, poor.error["code"]) == (402, "insufficient_quota")


async def test_an_outage_of_postgres_loses_nothing(books: Books, account: str, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def play(line: Line, _: Mapping[str, Any]) -> None:
        await line.say("one ", 2)
        await go_on.wait()
        await line.say("two ", 6)
        await line.say("three ", 40)
        await line.finish(40)

    async with open_shop(books, account, tmp_path, ScriptedEngine(play), LEDGER_SECONDS="1") as shop:
        shop.credit(10**9)
        asking = asyncio.create_task(shop.ask(stream=True))
        await wait_until(lambda: shop.engine.working == 1, "the engine works")
        books.container.kill()
        go_on.set()
        heard = await asking
        refused = await shop.ask()
        ready = await shop.gateway.answers()
        await asyncio.to_thread(books.container.start)
        await shop.settled()

        assert (heard.words, heard.ended_by) == ("one two ", "ledger")
        assert (refused.status, "retry-after" in refused.headers, ready) == (503, True, True)
        assert shop.wallet[0] == 10**9 - PROMPT_PRICE - 6 * TOKEN_PRICE
        assert (await shop.ask()).status == 200
        await shop.settled()
        await shop.end()


async def test_a_signal_ends_the_process_once_what_is_in_flight_is_settled(
    books: Books, account: str, tmp_path: Path
) -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    async with open_shop(books, account, tmp_path, engine) as shop:
        shop.credit(10**9)
        asking = asyncio.create_task(shop.ask())
        await wait_until(lambda: engine.working == 1, "the engine works")
        shop.gateway.process.send_signal(signal.SIGTERM)
        await wait_until(lambda: len(shop.gateway.heard_of("draining")) == 1, "it drains")
        assert not await shop.gateway.answers()
        engine.gate.set()

        assert (await asking).status == 200
        assert await shop.gateway.wait() == 0
        assert shop.wallet == (10**9 - PROMPT_PRICE - 9 * TOKEN_PRICE, 0)


async def test_the_holds_of_a_killed_gateway_are_given_back_by_another(
    books: Books, account: str, tmp_path: Path
) -> None:
    engine = ScriptedEngine()
    engine.gate.clear()
    settings = {"LEASE_SECONDS": "3", "EXPIRE_SECONDS": "1"}
    async with open_shop(books, account, tmp_path, engine, **settings) as shop:
        shop.credit(10**9)
        asking = asyncio.create_task(shop.ask())
        await wait_until(lambda: engine.working == 1, "the engine works")
        async with run_process(tmp_path / "other", shop.environment) as other:
            await other.wait_until_ready()
            shop.gateway.process.kill()
            assert shop.wallet[1] > 0
            await shop.settled()

            assert shop.wallet == (10**9, 0)
            assert other.heard_of("holds_expired")[0]["holds"] == 1
        await asyncio.gather(asking, return_exceptions=True)


async def test_what_is_wrong_is_told_in_sentences(tmp_path: Path) -> None:
    environment = {
        "GATEWAY_ENGINE_HOSTS": "tiny=127.0.0.1:1",
        "GATEWAY_LEDGER_HOST": "127.0.0.1",
        "GATEWAY_LEDGER_NAME": "billing",
    }
    async with run_process(tmp_path / "gateway", environment) as gateway:
        assert await gateway.wait() == 1
        assert gateway.stderr.read_text() == (
            "gateway: GATEWAY_ENGINE_HOSTS: given 'tiny'; allowed: one of smollm2-135m\n"
        )
    async with run_process(tmp_path / "gateway", {**environment, "GATEWAY_CATALOG": "/nowhere.yaml"}) as gateway:
        assert await gateway.wait() == 1
        assert gateway.stderr.read_text().startswith("gateway: /nowhere.yaml: given nothing; allowed: a readable file")

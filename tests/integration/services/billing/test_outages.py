"""A Postgres that dies or stands still: what was answered stays, and the client says that it is away, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psutil
import pytest

from services.billing.ledger import Delivery, Hold, Ledger, LedgerAway, Question, Settlement, open_pool
from tests.integration.services.database.container import Container

from .books import Books, ask
from .conftest import run_books

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 1
TWENTY = 20


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """Return a ledger on a Postgres of its own, with a customer and a price."""
    with run_books(tmp_path_factory.mktemp("mortal")) as books:
        books.publish(1_000_000, None, 2_000_000)
        books.open_account(usd_nano=10**9)
        yield books


def test_what_was_answered_before_a_crash_is_there_after_it(mortal: Books) -> None:
    mortal.open_account("crashed", usd_nano=10**9, key="key of crashed")
    admitted: dict[Question, Hold] = {}
    settled: dict[Delivery, Settlement] = {}
    unknown: list[Question | Delivery] = []

    async def serve(ledger: Ledger, started: asyncio.Event) -> None:
        """Serve requests until the ledger is away, and remember what it answered."""
        for _ in range(10_000):
            question = ask(key="key of crashed", most=10)
            admission = await tell(ledger.admit(question), question)
            assert admission.hold
            admitted[question] = admission.hold
            delivery = Delivery(admission.hold.id, 10, 0, 10, 10)
            settled[delivery] = await tell(ledger.settle(delivery), delivery)
            if len(settled) > TWENTY:
                started.set()

    async def tell(answer: Coroutine[Any, Any, Answer], asked: Question | Delivery) -> Answer:
        try:
            return await answer
        except LedgerAway:
            unknown.append(asked)
            raise

    async def run() -> None:
        async with open_pool(mortal.conninfo("gateway"), size=4, patience_seconds=PATIENCE_SECONDS) as pool:
            ledger, started = Ledger(pool, 3_600), asyncio.Event()
            gateways = [asyncio.create_task(serve(ledger, started)) for _ in range(6)]
            await started.wait()
            mortal.container.kill()
            ends = await asyncio.gather(*gateways, return_exceptions=True)
            assert {type(end) for end in ends} == {LedgerAway}
            with pytest.raises(LedgerAway):
                await ledger.check()
            await asyncio.to_thread(mortal.container.start)
            await until_back(ledger)

            for delivery, settlement in settled.items():
                assert await ledger.settle(delivery) == settlement
            for asked in unknown:
                await ask_twice(ledger, asked)

    asyncio.run(run())
    assert len(unknown) == 6
    assert mortal.problems == []
    open_questions = sum(isinstance(asked, Question) for asked in unknown)
    count = "select count(*) from reports.requests where account = 'crashed' and state = %s"
    assert mortal.one(count, "open") == open_questions
    assert mortal.one(count, "settled") == len(admitted)
    assert mortal.wallet("crashed") == (10**9 - 30 * len(admitted), 30 * open_questions)


def test_a_standstill_is_the_ledger_being_away_and_no_connection_is_spoiled(mortal: Books) -> None:
    async def run() -> None:
        async with open_pool(mortal.conninfo("gateway"), size=4, patience_seconds=PATIENCE_SECONDS) as pool:
            ledger = Ledger(pool, 3_600)
            await asyncio.gather(*(ledger.admit(ask(most=1)) for _ in range(8)))
            loop = asyncio.get_running_loop()
            questions = [ask(most=1) for _ in range(8)]
            with stand_still(mortal.container):
                begun = loop.time()
                answers = await asyncio.gather(
                    *(ledger.admit(question) for question in questions), return_exceptions=True
                )
                assert {type(answer) for answer in answers} == {LedgerAway}
                # Each has waited for a connection and then for an answer; the rest is what a slow machine takes.
                assert loop.time() - begun < 10 * PATIENCE_SECONDS
            await until_back(ledger)
            for question in questions:
                assert await ledger.admit(question) == await ledger.admit(question)

    asyncio.run(run())
    assert mortal.problems == []


def test_an_answer_that_does_not_come_breaks_its_connection_off_and_the_server_goes_on(mortal: Books) -> None:
    """A lock that somebody keeps: the server is well, and does what was asked once it can."""

    async def run() -> None:
        async with open_pool(mortal.conninfo("gateway"), size=1, patience_seconds=PATIENCE_SECONDS) as pool:
            ledger, question = Ledger(pool, 3_600), ask(most=1)
            with mortal.container.connect(mortal.database) as keeper, keeper.transaction():
                keeper.execute("select from billing.wallets for update")
                with pytest.raises(LedgerAway):
                    await ledger.admit(question)
                await until_back(ledger)
            admission = await ledger.admit(question)
            assert admission.hold
            assert await ledger.admit(question) == admission

    asyncio.run(run())
    assert mortal.problems == []


def test_a_call_that_is_given_up_leaves_its_connection_fit_for_the_next(mortal: Books) -> None:
    async def run() -> None:
        async with open_pool(mortal.conninfo("gateway"), size=1, patience_seconds=30) as pool:
            ledger = Ledger(pool, 3_600)
            with mortal.container.connect(mortal.database) as keeper, keeper.transaction():
                keeper.execute("select from billing.wallets for update")
                call = asyncio.create_task(ledger.admit(ask(most=1)))
                while not mortal.one("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"):
                    await asyncio.sleep(0.01)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                await ledger.check()

    asyncio.run(run())
    assert mortal.problems == []


def test_a_ledger_that_was_never_there_is_away_and_is_used_once_it_comes(mortal: Books) -> None:
    async def run() -> None:
        mortal.container.stop()
        async with open_pool(mortal.conninfo("gateway"), size=2, patience_seconds=PATIENCE_SECONDS) as pool:
            ledger = Ledger(pool, 60)
            with pytest.raises(LedgerAway):
                await ledger.check()
            await asyncio.to_thread(mortal.container.start)
            await until_back(ledger)

    asyncio.run(run())


@contextmanager
def stand_still(container: Container) -> Iterator[None]:
    """Let all of the server's processes stand still."""
    assert container.process
    server = psutil.Process(container.process.pid)
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


async def until_back(ledger: Ledger) -> None:
    """Wait until the ledger answers; meanwhile it is away, and nothing else is wrong with it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await ledger.check()
            except LedgerAway:
                continue
            return


async def ask_twice(ledger: Ledger, asked: Question | Delivery) -> None:
    """Ask again what the crash left unanswered, and again: the answer is one."""
    if isinstance(asked, Question):
        admission = await ledger.admit(asked)
        assert admission.hold
        assert await ledger.admit(asked) == admission
    else:
        settlement = await ledger.settle(asked)
        assert (settlement.charge, settlement.shortfall) == (30, 0)
        assert await ledger.settle(asked) == settlement


def test_a_server_that_only_reads_as_during_a_failover_is_the_ledger_being_away(mortal: Books) -> None:
    mortal.query("alter role billing_gateway set default_transaction_read_only = on")
    try:
        with pytest.raises(LedgerAway, match="read-only"):
            mortal.admit(ask())
    finally:
        mortal.query("alter role billing_gateway reset default_transaction_read_only")
    assert mortal.admit(ask()).hold

"""Customers of a ledger that tests share: each has an account, a key and a model of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import uuid4

import psycopg

from services.billing.ledger import Admission, Delivery, Hold, Ledger, Question, Settlement, Verdict, open_pool

from .books import Books, ask, hash_key

Answer = TypeVar("Answer")

MILLION = 1_000_000


@dataclass(frozen=True)
class Gateway:
    """A gateway that does one thing at a time."""

    books: Books
    runner: asyncio.Runner
    ledger: Ledger
    admin: psycopg.Connection[tuple[Any, ...]]
    superuser: psycopg.Connection[tuple[Any, ...]]

    def query(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Ask as the superuser."""
        cursor = self.superuser.execute(statement, arguments)
        return cursor.fetchall() if cursor.description else []

    @property
    def problems(self) -> list[tuple[Any, ...]]:
        return self.query("select * from reports.problems")

    def admit(self, question: Question) -> Admission:
        return self._run(self.ledger.admit(question))

    def extend(self, hold_id: int, output_tokens: int) -> bool:
        return self._run(self.ledger.extend(hold_id, output_tokens))

    def settle(self, delivery: Delivery) -> Settlement:
        return self._run(self.ledger.settle(delivery))

    def settle_as_before(self, delivery: Delivery) -> Settlement:
        """Settle as a gateway of before the engine's count was told."""
        ((charge, shortfall, transaction_id),) = self.query(
            "select charge, shortfall, transaction_id from billing.settle(%s, %s, %s, %s)",
            delivery.hold_id,
            delivery.input_tokens,
            delivery.cached_input_tokens,
            delivery.output_tokens,
        )
        return Settlement(charge, shortfall, transaction_id)

    def renew(self, *hold_ids: int) -> None:
        self._run(self.ledger.renew(hold_ids))

    def expire(self) -> int:
        return self._run(self.ledger.expire())

    def _run(self, answer: Coroutine[Any, Any, Answer]) -> Answer:
        return self.runner.run(answer)


@contextmanager
def open_gateway(books: Books, lease_seconds: float = 60) -> Iterator[Gateway]:
    with (
        asyncio.Runner() as runner,
        books.connect("admin") as admin,
        books.container.connect(books.database) as superuser,
    ):
        stack = AsyncExitStack()
        pool = runner.run(stack.enter_async_context(open_pool(books.conninfo("gateway"), size=1, patience_seconds=30)))
        gateway = Gateway(books, runner, Ledger(pool, lease_seconds), admin, superuser)
        try:
            # Between calls nothing runs: a log-in that is begun then stays half done, and Postgres drops no database
            # until it has ended. So the pool has one connection, and has it now.
            runner.run(gateway.ledger.check())
            yield gateway
        finally:
            runner.run(stack.aclose())


@dataclass(frozen=True)
class Customer:
    """An account with one key, and a model that only it asks for."""

    gateway: Gateway
    account: str
    key: str
    model: str

    @property
    def books(self) -> Books:
        return self.gateway.books

    def publish(self, inputs: int, cached: int | None, outputs: int, version: int = 1) -> None:
        """Publish a price in nano-dollars per 1,000,000 tokens, in force for a long time."""
        self.administer(
            "select billing.publish_price(%s, %s, timestamptz '2026-01-01' + %s * interval '1 day', %s, %s, %s)",
            self.model,
            version,
            version,
            inputs,
            cached,
            outputs,
        )

    def credit(self, amount: int) -> None:
        self.administer("select billing.credit(%s, %s, %s)", self.account, amount, f"for {uuid4()}")

    def ask(self, *, inputs: int = 10, least: int = 1, most: int = 100) -> Question:
        return ask(key=self.key, model=self.model, inputs=inputs, least=least, most=most)

    def admit(self, *, inputs: int = 10, least: int = 1, most: int = 100) -> Admission:
        return self.gateway.admit(self.ask(inputs=inputs, least=least, most=most))

    def hold(self, *, inputs: int = 10, least: int = 1, most: int = 100) -> Hold:
        """Be admitted."""
        admission = self.admit(inputs=inputs, least=least, most=most)
        assert admission.verdict is Verdict.ADMITTED
        assert admission.hold
        return admission.hold

    def administer(self, statement: str, *arguments: object) -> Any:
        """Return the one value that a function of administrators answers."""
        row = self.gateway.admin.execute(statement, arguments).fetchone()
        assert row
        return row[0]

    def end_lease(self, hold: Hold) -> None:
        """Let the time pass in which somebody would have renewed it, then expire it."""
        self.pass_lease(hold)
        self.gateway.expire()
        assert self.state(hold) == "expired"

    def pass_lease(self, hold: Hold) -> None:
        self.gateway.query("update billing.holds set lease_until = now() - interval '1 second' where id = %s", hold.id)
        never_silent(self.gateway)

    def state(self, hold: Hold) -> str:
        ((state,),) = self.gateway.query("select state from billing.holds where id = %s", hold.id)
        return str(state)

    def engine_output_tokens(self, hold: Hold) -> int | None:
        ((tokens,),) = self.gateway.query(
            "select engine_output_tokens from reports.requests where hold_id = %s", hold.id
        )
        assert tokens is None or isinstance(tokens, int)
        return tokens

    @property
    def wallet(self) -> tuple[int, int]:
        """What it has, and how much of that is held."""
        ((balance, held),) = self.gateway.query(
            "select balance, held from reports.accounts where account = %s", self.account
        )
        return balance, held

    @property
    def rows(self) -> list[Any]:
        """Everything that the ledger has of it."""
        return [
            self.wallet,
            self.gateway.query("select * from reports.requests where account = %s order by hold_id", self.account),
            self.gateway.query("select * from reports.entries where account = %s order by 1, 3", self.account),
            self.gateway.query(
                "select e.* from reports.extensions as e join reports.requests using (request_id) where account = %s "
                "order by hold_id, output_tokens",
                self.account,
            ),
        ]

    def with_another_key(self, name: str = "second") -> Customer:
        """Return the same customer with a new key."""
        key = f"key {uuid4()}"
        self.administer("select billing.add_key(%s, %s, %s)", self.account, name, hash_key(key))
        return replace(self, key=key)


def make_customer(gateway: Gateway, balance: int = 0) -> Customer:
    """Open an account whose model costs one nano-dollar an input token and two an output token."""
    name = f"customer-{uuid4().hex[:12]}"
    customer = Customer(gateway, name, f"key of {name}", f"model of {name}")
    customer.administer("select billing.open_account(%s)", name)
    customer.administer("select billing.add_key(%s, 'first', %s)", name, hash_key(customer.key))
    if balance:
        customer.credit(balance)
    customer.publish(1 * MILLION, None, 2 * MILLION)
    return customer


def never_silent(gateway: Gateway) -> None:
    """Let the next call of `expire` end leases, however slow the machine is: the clock ticked in the future."""
    gateway.query("update billing.lease_clock set ticked_at = now() + interval '1 hour'")

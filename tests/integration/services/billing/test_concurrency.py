"""Many gateways at once: each answer is as if they had come one after the other."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.integration.services.database.container import wait_until

from .books import Books, hash_key
from .customers import Customer, Gateway, make_customer

Connection = psycopg.Connection[tuple[Any, ...]]

ADMIT = "select verdict, hold_id, amount from billing.admit(%s, %s, %s, 10, 1, %s, %s::interval)"
SETTLE = "select charge, shortfall, transaction_id from billing.settle(%s, %s, 0, %s)"
EXTEND = "select billing.extend(%s, %s, interval '1 minute')"


def test_as_many_are_admitted_at_once_as_the_wallet_covers(customer: Customer) -> None:
    customer.credit(5 * 12 + 11)
    answers = meet(customer, [lambda gateway: admit(gateway, customer, uuid4())] * 16)
    assert Counter(verdict for verdict, _, _ in answers) == {"admitted": 5, "insufficient_funds": 11}
    assert customer.wallet == (71, 60)


def test_one_request_admitted_at_once_by_many_has_one_hold(customer: Customer) -> None:
    customer.credit(1_000)
    request_id = uuid4()
    answers = meet(customer, [lambda gateway: admit(gateway, customer, request_id)] * 8)
    assert len(set(answers)) == 1
    assert customer.wallet == (1_000, 12)


def test_one_request_of_two_accounts_is_one_accounts_alone(customer: Customer) -> None:
    other = make_customer(customer.gateway, 1_000)
    customer.credit(1_000)
    request_id = uuid4()

    def try_admit(who: Customer) -> Callable[[Connection], str]:
        def call(gateway: Connection) -> str:
            try:
                return str(admit(gateway, who, request_id)[0])
            except (psycopg.errors.UniqueViolation, psycopg.errors.RaiseException):
                return "refused"

        return call

    answers = meet(customer, [try_admit(customer), try_admit(other)] * 4)
    assert "refused" in answers
    assert sorted([customer.wallet[1], other.wallet[1]]) == [0, 12]


def test_a_hold_settled_at_once_by_many_is_charged_once(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(most=100)
    deliveries = range(10, 18)
    answers = meet(customer, [settling(hold.id, delivered) for delivered in deliveries])
    assert len(set(answers)) == 1
    charge = answers[0][0]
    assert charge in [10 + 2 * delivered for delivered in deliveries]
    assert customer.wallet == (1_000 - charge, 0)


def test_a_late_hold_settled_at_once_by_many_is_charged_once(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(most=100)
    customer.end_lease(hold)
    answers = meet(customer, [settling(hold.id, 50)] * 8)
    assert len(set(answers)) == 1
    assert customer.wallet == (890, 0)


def test_late_settlements_at_once_charge_what_there_is_and_no_more(customer: Customer) -> None:
    customer.credit(450)
    holds = [customer.hold(most=65) for _ in range(3)]
    for hold in holds:
        customer.end_lease(hold)
    customer.hold(most=100)
    answers = meet(customer, [settling(hold.id, 65) for hold in holds])
    assert sorted(charge for charge, _, _ in answers) == [0, 100, 140]
    assert all(charge + shortfall == 140 for charge, shortfall, _ in answers)
    assert customer.wallet == (210, 210)


def test_extensions_at_once_share_what_is_left(customer: Customer) -> None:
    customer.credit(4 * 12 + 2 * 20)
    holds = [customer.hold(most=1) for _ in range(4)]
    answers = meet(customer, [extending(hold.id, 11) for hold in holds])
    assert Counter(answers) == {(True,): 2, (False,): 2}
    assert customer.wallet == (88, 88)


def test_one_hold_extended_at_once_by_many_holds_what_it_covers(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(most=1)
    answers = meet(customer, [extending(hold.id, tokens) for tokens in (20, 10, 20, 15, 20, 10)])
    assert set(answers) == {(True,)}
    assert customer.wallet == (1_000, 10 + 2 * 20)


def test_a_hold_extended_while_it_is_settled_is_settled(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(most=10)
    meet(customer, [extending(hold.id, 20), settling(hold.id, 10), extending(hold.id, 30), settling(hold.id, 10)])
    assert customer.wallet == (970, 0)


def test_a_settlement_that_meets_the_end_of_its_lease_is_charged_once(customer: Customer) -> None:
    customer.credit(1_000)
    holds = [customer.hold(most=10) for _ in range(4)]
    for hold in holds:
        customer.pass_lease(hold)
    meet(
        customer,
        [settling(hold.id, 10) for hold in holds] + [settling(hold.id, 10) for hold in holds],
        meanwhile=customer.gateway.expire,
    )
    assert customer.wallet == (1_000 - 4 * 30, 0)


@dataclass
class Storm:
    """What gateways know of each other's holds."""

    books: Books
    customers: Sequence[Customer]
    holds: list[int] = field(default_factory=list)

    def blow(self, seed: int, steps: int) -> Counter[str]:
        """Do what a gateway does, at random; return how often each thing was done."""
        chance = random.Random(seed)  # noqa: S311 - a storm that can be had again
        done: Counter[str] = Counter()
        with closing(self.books.connect("gateway")) as gateway:
            for _ in range(steps):
                step = chance.choice([self.admit, self.admit, self.extend, self.settle, self.settle, self.renew])
                if chance.random() < 0.1:
                    step = self.expire
                step(gateway, chance)
                done[step.__name__] += 1
        return done

    def admit(self, gateway: Connection, chance: random.Random) -> None:
        # Many leases have ended before they began.
        lease = chance.choice(["1 minute", "-1 second"])
        row = admit(gateway, chance.choice(self.customers), uuid4(), chance.randint(1, 30), lease)
        if row[1]:
            self.holds.append(row[1])

    def extend(self, gateway: Connection, chance: random.Random) -> None:
        gateway.execute(EXTEND, (self.choose(chance), chance.randint(1, 60)))

    def settle(self, gateway: Connection, chance: random.Random) -> None:
        if self.holds:
            gateway.execute(SETTLE, (self.choose(chance), chance.randint(0, 12), chance.randint(0, 60)))

    def renew(self, gateway: Connection, chance: random.Random) -> None:
        holds = [self.choose(chance) for _ in range(20)]
        gateway.execute("select billing.renew(%s, interval '1 minute')", (holds,))

    def expire(self, gateway: Connection, chance: random.Random) -> None:
        gateway.execute("select billing.expire()")
        if chance.random() < 0.3:
            self.books.query("update billing.lease_clock set ticked_at = ticked_at - interval '11 seconds'")

    def choose(self, chance: random.Random) -> int:
        return chance.choice(self.holds[-40:] or [0])


def test_a_storm_of_everything_ends_without_deadlock_and_the_books_are_right(gateway: Gateway) -> None:
    seed = random.randrange(10**6)  # noqa: S311
    print(f"seed of the storm: {seed}")
    customers = [make_customer(gateway, 600) for _ in range(4)]
    storm = Storm(gateway.books, customers)
    with ThreadPoolExecutor(6) as threads:
        counts = list(threads.map(lambda number: storm.blow(seed + number, 120), range(6)))
    done = sum(counts, Counter())
    assert set(done) == {"admit", "extend", "settle", "renew", "expire"}
    for customer in customers:
        balance, held = customer.wallet
        assert 0 <= held <= balance <= 600
    assert gateway.books.problems == []


def meet(
    customer: Customer,
    calls: Sequence[Callable[[Connection], Any]],
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Any]:
    """Make the calls at once, each as a gateway with a connection of its own; return their answers.

    They meet at the customer's wallet and holds, which are locked until all of them wait.
    """
    books = customer.books

    def call(number: int) -> Any:
        with closing(books.connect("gateway")) as gateway:
            gateway.execute("set application_name = 'meeting'")
            return calls[number](gateway)

    with closing(books.container.connect(books.database)) as gate, ThreadPoolExecutor(len(calls)) as threads:
        with gate.transaction():
            gate.execute(
                "select from billing.holds where account_id = (select id from billing.accounts where name = %s) "
                "order by id for update",
                (customer.account,),
            )
            gate.execute(
                "select from billing.wallets where account_id = (select id from billing.accounts where name = %s) "
                "for update",
                (customer.account,),
            )
            answers = [threads.submit(call, number) for number in range(len(calls))]
            wait_until(
                lambda: count_waiting(books) + sum(answer.done() for answer in answers) == len(calls), "all wait"
            )
            meanwhile()
        return [answer.result() for answer in answers]


def count_waiting(books: Books) -> int:
    waiting: int = books.one(
        "select count(*) from pg_stat_activity where application_name = 'meeting' and wait_event_type = 'Lock'"
    )
    return waiting


def admit(
    gateway: Connection, customer: Customer, request_id: UUID, most: int = 1, lease: str = "1 minute"
) -> tuple[Any, ...]:
    return ask(gateway, ADMIT, request_id, hash_key(customer.key), customer.model, most, lease)


def settling(hold_id: int, output_tokens: int) -> Callable[[Connection], tuple[Any, ...]]:
    return lambda gateway: ask(gateway, SETTLE, hold_id, 10, output_tokens)


def extending(hold_id: int, output_tokens: int) -> Callable[[Connection], tuple[Any, ...]]:
    return lambda gateway: ask(gateway, EXTEND, hold_id, output_tokens)


def ask(gateway: Connection, statement: str, *arguments: object) -> tuple[Any, ...]:
    row = gateway.execute(statement, arguments).fetchone()
    assert row
    return row

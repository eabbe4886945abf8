"""How long a hold lives that nobody settles."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from services.billing.ledger import Delivery, Hold
from tests.integration.services.database.container import wait_until

from .books import Books
from .customers import Customer, Gateway, make_customer, never_silent, open_gateway


@pytest.fixture
def customer(gateway: Gateway) -> Iterator[Customer]:
    """Return a customer with 1,000 nano-dollars, of a ledger in which no other lease has ended."""
    never_silent(gateway)
    gateway.expire()
    yield make_customer(gateway, 1_000)
    assert gateway.problems == []


def test_a_hold_whose_lease_has_ended_goes_back_to_the_wallet(customer: Customer) -> None:
    ended, alive = customer.hold(most=10), customer.hold(most=20)
    customer.pass_lease(ended)
    assert customer.gateway.expire() == 1
    assert (customer.state(ended), customer.state(alive)) == ("expired", "open")
    assert customer.wallet == (1_000, alive.amount)


def test_a_hold_expires_once(customer: Customer) -> None:
    customer.pass_lease(customer.hold())
    assert [customer.gateway.expire() for _ in range(3)] == [1, 0, 0]
    assert customer.wallet == (1_000, 0)


def test_holds_of_several_accounts_expire_together(customer: Customer) -> None:
    customers = [customer, make_customer(customer.gateway, 500)]
    for one in customers:
        for _ in range(2):
            one.pass_lease(one.hold())
    assert customer.gateway.expire() == 4
    assert [one.wallet for one in customers] == [(1_000, 0), (500, 0)]


def test_what_is_settled_before_it_expires_is_not_given_back_again(customer: Customer) -> None:
    hold = customer.hold()
    customer.pass_lease(hold)
    assert customer.gateway.settle(Delivery(hold.id, 10, 0, 10, 10)).charge == 30
    assert not customer.books.one("select late from reports.requests where hold_id = %s", hold.id)
    assert customer.gateway.expire() == 0
    assert customer.wallet == (970, 0)


def test_a_lease_that_is_renewed_does_not_end(customer: Customer) -> None:
    first, second, left = customer.hold(), customer.hold(), customer.hold()
    for hold in (first, second, left):
        customer.pass_lease(hold)
    customer.gateway.renew(first.id, second.id)
    assert customer.gateway.expire() == 1
    assert [customer.state(hold) for hold in (first, second, left)] == ["open", "open", "expired"]


def test_an_extension_renews_the_lease(customer: Customer) -> None:
    hold = customer.hold(most=10)
    customer.pass_lease(hold)
    assert customer.gateway.extend(hold.id, 20)
    assert customer.gateway.expire() == 0


def test_a_renewal_never_makes_a_lease_shorter(customer: Customer) -> None:
    hold = customer.hold(most=10)
    with open_gateway(customer.books, lease_seconds=1) as hasty:
        before = read_lease(customer, hold)
        hasty.renew(hold.id)
        assert hasty.extend(hold.id, 20)
    assert read_lease(customer, hold) == before


def test_a_hold_that_has_ended_is_not_renewed(customer: Customer) -> None:
    settled, expired = customer.hold(), customer.hold()
    customer.gateway.settle(Delivery(settled.id))
    customer.end_lease(expired)
    before = customer.rows
    customer.gateway.renew(settled.id, expired.id, 2**62)
    customer.gateway.renew()
    assert customer.rows == before


def test_nothing_ends_after_a_silence_but_every_lease_is_longer_by_it(customer: Customer) -> None:
    ended, alive = customer.hold(), customer.hold()
    customer.pass_lease(ended)
    before = [read_lease(customer, hold) for hold in (ended, alive)]
    be_silent(customer, "2 hours")
    assert customer.gateway.expire() == 0
    lengthened = [read_lease(customer, hold) - lease for hold, lease in zip((ended, alive), before, strict=True)]
    assert lengthened[0] == lengthened[1]
    assert timedelta(hours=2) <= lengthened[0] < timedelta(hours=3)
    assert customer.gateway.expire() == 0
    assert customer.state(ended) == "open"


def test_a_silence_makes_no_lease_longer_of_a_hold_that_has_ended(customer: Customer) -> None:
    settled = customer.hold()
    customer.gateway.settle(Delivery(settled.id))
    before = read_lease(customer, settled)
    be_silent(customer, "2 hours")
    customer.gateway.expire()
    assert read_lease(customer, settled) == before


def test_a_short_silence_ends_leases_as_always(customer: Customer) -> None:
    hold = customer.hold()
    customer.pass_lease(hold)
    be_silent(customer, "-1 minute")
    assert customer.gateway.expire() == 1


def test_a_standstill_while_leases_are_checked_counts_as_silence(books: Books) -> None:
    """The clock is read once: what comes between two readings would be lost, and leases would end in it."""
    books.query(
        """
        create function public.stand_still() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock(1); return null; end $$;
        create trigger stand_still before update on billing.lease_clock
        for each statement execute function public.stand_still();
        """
    )
    with books.container.connect(books.database) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("select pg_advisory_lock(1)")
        expiry = threads.submit(expire_alone, books)
        wait_until(
            lambda: books.one("select count(*) from pg_locks where locktype = 'advisory' and not granted"),
            "the clock stands still",
        )
        later = books.one("select clock_timestamp()")
        holder.execute("select pg_advisory_unlock(1)")
        assert expiry.result() == 0
    assert books.one("select ticked_at from billing.lease_clock") < later


def test_two_gateways_that_expire_at_once_give_back_once(customer: Customer) -> None:
    for _ in range(3):
        customer.pass_lease(customer.hold())
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda _: expire_alone(customer.books), range(4)))
    assert sum(counts) == 3
    assert customer.wallet == (1_000, 0)


def test_renewing_a_lease_writes_no_index(customer: Customer) -> None:
    """Leases are renewed far more often than anything else is written."""
    holds = [customer.hold(most=1).id for _ in range(10)]
    with customer.books.container.connect(customer.books.database) as connection, connection.transaction():
        connection.execute("select billing.renew(%s, interval '1 hour')", (holds,))
        updates = connection.execute(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'holds'"
        ).fetchone()
    assert updates == (10, 10)


def be_silent(customer: Customer, silence: str) -> None:
    customer.books.query("update billing.lease_clock set ticked_at = clock_timestamp() - %s::interval", silence)


def read_lease(customer: Customer, hold: Hold) -> datetime:
    lease: datetime = customer.books.one("select lease_until from billing.holds where id = %s", hold.id)
    return lease


def expire_alone(books: Books) -> int:
    with books.connect("gateway") as connection:
        row = connection.execute("select billing.expire()").fetchone()
    assert row
    return int(row[0])

"""Bringing the ledger's schema to its newest revision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from services.billing.ledger import Delivery, Hold
from tests.integration.services.database.container import wait_until

from .books import Books, ask

LOCK = "hashtextextended('faregate migration', 0)"


def test_two_migrations_at_once_come_one_after_the_other_and_a_third_changes_nothing(empty: Books) -> None:
    with empty.container.connect(empty.database) as gate, ThreadPoolExecutor(2) as threads:
        gate.execute(f"select pg_advisory_lock({LOCK})")
        migrations = [threads.submit(empty.migrate) for _ in range(2)]
        wait_until(lambda: count_waiting(empty) == 2, "both migrations wait")
        assert describe(empty) == []
        gate.execute(f"select pg_advisory_unlock({LOCK})")
        ended = [migration.result() for migration in migrations]
    assert [one.returncode for one in ended] == [0, 0], [one.stderr for one in ended]
    assert sorted("migrated: 0001" in one.stdout for one in ended) == [False, True]
    assert empty.problems == []

    empty.publish()
    empty.open_account(usd_nano=5)
    before = describe(empty)
    again = empty.migrate()
    assert (again.returncode, "migrated" in again.stdout) == (0, False)
    assert describe(empty) == before
    assert empty.wallet() == (5, 0)


def test_a_migration_that_fails_leaves_nothing_and_is_done_once_it_can_be(empty: Books) -> None:
    with empty.connect("owner") as owner:
        owner.execute("create schema reports")
        failed = empty.migrate()
        assert failed.returncode != 0
        assert "reports" in failed.stderr
        assert describe(empty) == []
        owner.execute("drop schema reports")
    assert empty.migrate().returncode == 0
    assert empty.problems == []


def test_gateways_of_before_settle_while_engine_counts_are_added_and_afterwards(empty: Books) -> None:
    """They have the call prepared, and may be in the middle of it: no settlement is refused, late or twice."""
    assert empty.migrate(revision="0001").returncode == 0
    empty.publish(1_000_000, None, 2_000_000)
    empty.open_account(usd_nano=10**9)
    empty.open_account("other", usd_nano=10**9, key="key of other")
    before, meanwhile, afterwards, new = (take_hold(empty) for _ in range(4))
    under_way = take_hold(empty, key="key of other")  # of a wallet that nobody else waits for
    with (
        empty.connect("gateway") as first,
        empty.connect("gateway") as second,
        ThreadPoolExecutor(2) as threads,
    ):
        old = settle_as_before(second, before)
        with first.transaction():
            settle_as_before(first, under_way)
            migration = threads.submit(empty.migrate)
            wait_until(
                lambda: count_waiting_for(empty, "billing.settlements") == 1, "the migration waits for a settlement"
            )
            settling = threads.submit(settle_as_before, second, meanwhile)
            wait_until(
                lambda: count_waiting_for(empty, "billing.settlements") == 2, "a settlement waits for the migration"
            )
        migrated = migration.result()
        assert (migrated.returncode, "migrated: 0002" in migrated.stdout) == (0, True), migrated.stderr
        assert settling.result()[-3:-1] == (0, False)
        settle_as_before(second, afterwards)
        assert settle_as_before(second, before) == old
    assert empty.settle(Delivery(new.id, 10, 0, 50, 60)).charge == 110

    requests = dict(empty.query("select hold_id, engine_output_tokens from reports.requests where charge = 110"))
    assert requests == {**dict.fromkeys(one.id for one in (before, under_way, meanwhile, afterwards)), new.id: 60}
    assert (empty.wallet(), empty.wallet("other")) == ((10**9 - 4 * 110, 0), (10**9 - 110, 0))
    assert empty.problems == []


def test_what_was_settled_before_engine_counts_keeps_its_settlement_and_has_none(empty: Books) -> None:
    assert empty.migrate(revision="0001").returncode == 0
    empty.publish(1_000_000, None, 2_000_000)
    empty.open_account(usd_nano=10**9)
    settled, unsettled = take_hold(empty), take_hold(empty)
    with empty.connect("gateway") as gateway:
        settle_as_before(gateway, settled)
    before = empty.query("select * from reports.requests order by hold_id")
    assert empty.migrate().returncode == 0
    assert empty.query("select * from reports.requests order by hold_id") == [(*row, None) for row in before]

    empty.settle(Delivery(settled.id, 10, 0, 50, 60))
    empty.settle(Delivery(unsettled.id, 10, 0, 50, 60))
    assert empty.query("select engine_output_tokens from reports.requests order by hold_id") == [(None,), (60,)]
    assert empty.problems == []


def test_there_is_no_way_back_and_trying_it_changes_nothing(empty: Books) -> None:
    assert empty.migrate().returncode == 0
    before = describe(empty)
    for revision in ("-1", "base"):
        assert empty.migrate("downgrade", revision).returncode != 0
        assert describe(empty) == before


def take_hold(books: Books, key: str = "key of demo") -> Hold:
    hold = books.admit(ask(key=key)).hold
    assert hold
    return hold


def settle_as_before(gateway: psycopg.Connection[tuple[Any, ...]], hold: Hold) -> tuple[Any, ...]:
    """Settle as a gateway of the first migration does, which prepares the statement when it uses it first."""
    statement = "select * from billing.settle(%s, %s, %s, %s)"
    row = gateway.execute(statement, (hold.id, 10, 0, 50), prepare=True).fetchone()
    assert row
    return row


def count_waiting_for(books: Books, table: str) -> int:
    waiting: int = books.one(
        "select count(*) from pg_locks where locktype = 'relation' and not granted "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and relation = %s::regclass",
        table,
    )
    return waiting


def count_waiting(books: Books) -> int:
    waiting: int = books.one(
        "select count(*) from pg_locks where locktype = 'advisory' and not granted "
        "and database = (select oid from pg_database where datname = current_database())"
    )
    return waiting


def describe(books: Books) -> list[tuple[Any, ...]]:
    """Return every object of the schema as the catalogue has it, with the transaction that wrote it last."""
    return books.query(
        """
        select 'relation', oid, xmin::text, relname, relacl::text from pg_class
        where relnamespace in (select oid from pg_namespace where nspname in ('billing', 'reports'))
        union all
        select 'function', oid, xmin::text, proname, proacl::text from pg_proc
        where pronamespace in (select oid from pg_namespace where nspname in ('billing', 'reports'))
        order by 1, 2
        """
    )

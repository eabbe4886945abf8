"""Bringing the ledger's schema to its newest revision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.integration.services.database.container import wait_until

from .books import Books

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

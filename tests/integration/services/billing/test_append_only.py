"""What is written to the ledger stays, and adds up, whoever writes it."""

from __future__ import annotations

import psycopg
import pytest

from services.billing.ledger import Delivery

from .customers import Customer

APPEND_ONLY = ["prices", "transactions", "entries", "credits", "extensions", "settlements", "engine_counts"]
OTHER_COLUMNS = {
    "prices": "published_at",
    "entries": "amount",
    "credits": "reference",
    "engine_counts": "undelivered_output_tokens",
}
"""Of tables that do not say when a row was made."""


@pytest.fixture
def history(customer: Customer) -> Customer:
    """Return a customer of whom each table has a row."""
    customer.credit(1_000)
    hold = customer.hold(most=10)
    customer.gateway.extend(hold.id, 20)
    customer.gateway.settle(Delivery(hold.id, 10, 0, 15, 15))
    return customer


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    ["update billing.{} set created_at = now()", "delete from billing.{}", "truncate billing.{} cascade"],
    ids=["update", "delete", "truncate"],
)
def test_the_owner_changes_and_removes_nothing(history: Customer, table: str, statement: str) -> None:
    column = OTHER_COLUMNS.get(table, "created_at")
    statement = statement.format(table).replace("created_at = now()", f"{column} = {column}")
    before = history.rows
    with history.books.connect("owner") as owner, pytest.raises(psycopg.Error, match="append-only"):
        owner.execute(statement)
    assert history.rows == before


@pytest.mark.parametrize("statement", ["delete from billing.holds", "truncate billing.holds cascade"])
def test_the_owner_removes_no_hold(history: Customer, statement: str) -> None:
    before = history.rows
    with history.books.connect("owner") as owner, pytest.raises(psycopg.Error, match="append-only"):
        owner.execute(statement)
    assert history.rows == before


@pytest.mark.parametrize("statement", ["delete from billing.accounts", "truncate billing.accounts cascade"])
def test_the_owner_removes_no_account_that_has_entries(history: Customer, statement: str) -> None:
    before = history.rows
    with history.books.connect("owner") as owner, pytest.raises(psycopg.Error, match=r"append-only|foreign key"):
        owner.execute(statement)
    assert history.rows == before


@pytest.mark.parametrize(
    "entries",
    [
        "(t, 'payments', null, -5, null)",
        "(t, 'payments', null, -5, null), (t, 'revenue', null, 6, null)",
        "(t, 'wallet', a, 5, 1000), (t, 'payments', null, -4, null)",
    ],
    ids=["one side", "two sides that differ", "a wallet that gains more than was paid"],
)
def test_entries_that_do_not_sum_to_zero_are_refused(history: Customer, entries: str) -> None:
    with history.books.connect("owner") as owner, pytest.raises(psycopg.Error, match="sum to zero"):
        write(owner, history, entries)


def test_an_entry_is_not_added_to_a_transaction_afterwards(history: Customer) -> None:
    with history.books.connect("owner") as owner, pytest.raises(psycopg.Error, match="sum to zero"):
        owner.execute(
            "insert into billing.entries (transaction_id, book, amount) "
            "select transaction_id, 'revenue', 5 from reports.entries where account = %s and kind = 'credit'",
            (history.account,),
        )


@pytest.mark.parametrize(
    "entries",
    [
        "(t, 'wallet', null, 5, null), (t, 'payments', null, -5, null)",
        "(t, 'wallet', a, 5, null), (t, 'payments', null, -5, null)",
        "(t, 'wallet', a, 5, -1), (t, 'payments', null, -5, null)",
        "(t, 'revenue', a, 5, null), (t, 'payments', null, -5, null)",
        "(t, 'gifts', null, 5, null), (t, 'payments', null, -5, null)",
        "(t, 'revenue', null, 0, null)",
    ],
    ids=["no wallet", "no balance", "a debt", "an account's revenue", "an unknown book", "nothing"],
)
def test_entries_that_mean_nothing_are_refused(history: Customer, entries: str) -> None:
    with history.books.connect("owner") as owner, pytest.raises(psycopg.errors.CheckViolation):
        write(owner, history, entries)


@pytest.mark.parametrize("change", ["balance = held - 1", "held = balance + 1", "held = -1"])
def test_no_wallet_holds_more_than_it_has(history: Customer, change: str) -> None:
    with history.books.connect("owner") as owner, pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"update billing.wallets set {change}")  # noqa: S608 - one of three changes


def write(owner: psycopg.Connection[tuple[object, ...]], customer: Customer, entries: str) -> None:
    with owner.transaction():
        owner.execute(
            f"""
            with account as (select id as a from billing.accounts where name = %s),
            written as (insert into billing.transactions (kind) values ('credit') returning id as t)
            insert into billing.entries (transaction_id, book, account_id, amount, balance_after)
            select e.t, e.book, e.a::bigint, e.amount, e.balance::bigint
            from account, written, lateral (values {entries}) as e (t, book, a, amount, balance)
            """,  # noqa: S608 - of this file
            (customer.account,),
        )

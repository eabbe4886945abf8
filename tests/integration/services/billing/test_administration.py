"""What administrators do to the ledger: each function refuses mistakes, and may be called again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from services.billing.ledger import Verdict

from .books import Books, hash_key
from .customers import Customer, make_customer

OPEN = "select billing.open_account(%s)"
ADD = "select billing.add_key(%s, %s, %s)"
REVOKE = "select billing.revoke_key(%s, %s)"
CREDIT = "select billing.credit(%s, %s, %s)"
PUBLISH = "select billing.publish_price(%s, %s, %s, %s, %s, %s)"

MISTAKE = "FG001"


def test_an_account_opened_again_is_the_one_that_there_was(customer: Customer) -> None:
    customer.credit(5)
    assert customer.administer(OPEN, customer.account) is False
    assert customer.wallet == (5, 0)


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a_b", "ä", "a\n", "a" * 64, None])
def test_a_name_that_no_command_could_show_well_is_refused(customer: Customer, name: str | None) -> None:
    for statement, arguments in ((OPEN, (name,)), (ADD, (customer.account, name, hash_key(f"{uuid4()}")))):
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)):
            customer.administer(statement, *arguments)


@pytest.mark.parametrize("name", ["a", "7", "a-b-", "a" * 63])
def test_a_name_of_small_letters_digits_and_hyphens_is_taken(customer: Customer, name: str) -> None:
    assert customer.administer(ADD, customer.account, name, hash_key(f"{uuid4()}")) is True
    assert customer.administer(OPEN, name) in {True, False}


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [(ADD, ("laptop", b"h" * 32)), (REVOKE, ("laptop",)), (CREDIT, (5, "invoice"))],
    ids=["key", "revocation", "credit"],
)
def test_an_account_that_there_is_not_is_told_by_its_name(
    customer: Customer, statement: str, arguments: tuple[Any, ...]
) -> None:
    refuses("no account named nobody", lambda: customer.administer(statement, "nobody", *arguments))


def test_a_key_added_again_is_the_one_that_there_was(customer: Customer) -> None:
    assert customer.administer(ADD, customer.account, "first", hash_key(customer.key)) is False


def test_a_name_of_a_key_in_use_is_no_name_for_another(customer: Customer) -> None:
    other = hash_key(f"{uuid4()}")
    refuses("another key named first", lambda: customer.administer(ADD, customer.account, "first", other))


def test_a_key_has_one_name_and_one_account(customer: Customer) -> None:
    other = make_customer(customer.gateway)
    for account in (customer.account, other.account):
        refuses("under another name or account", partial(add, customer, account, "second"))


def test_a_revoked_key_never_comes_back(customer: Customer) -> None:
    assert customer.administer(REVOKE, customer.account, "first") is True
    refuses("revoked", lambda: add(customer, customer.account, "first"))
    refuses("revoked", lambda: add(customer, customer.account, "second"))
    assert customer.admit().verdict is Verdict.REVOKED_KEY


def test_a_key_revoked_again_is_as_it_was(customer: Customer) -> None:
    customer.administer(REVOKE, customer.account, "first")
    before = customer.books.query("select * from reports.keys where account = %s", customer.account)
    assert customer.administer(REVOKE, customer.account, "first") is False
    assert customer.books.query("select * from reports.keys where account = %s", customer.account) == before


def test_a_key_that_there_never_was_is_told_by_its_name(customer: Customer) -> None:
    refuses("has no key named second", lambda: customer.administer(REVOKE, customer.account, "second"))


@pytest.mark.parametrize("digest", [b"", b"h" * 31, b"h" * 33])
def test_a_hash_is_32_bytes(customer: Customer, digest: bytes) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        customer.administer(ADD, customer.account, "second", digest)


def test_a_key_added_at_once_by_many_is_added_once(customer: Customer) -> None:
    other = hash_key(f"{uuid4()}")
    answers = at_once(8, lambda: alone(customer, ADD, customer.account, "second", other))
    assert sorted(answers) == [False] * 7 + [True]


def test_an_account_opened_at_once_by_many_is_opened_once(customer: Customer) -> None:
    name = f"customer-{uuid4().hex[:12]}"
    assert sorted(at_once(8, lambda: alone(customer, OPEN, name))) == [False] * 7 + [True]
    assert customer.books.wallet(name) == (0, 0)


def test_a_credit_is_in_the_wallet_and_comes_from_payments(customer: Customer) -> None:
    reference = f"invoice {uuid4()}"
    credited, transaction, balance = give(customer, 700, reference)
    assert (credited, balance) == (True, 700)
    assert customer.wallet == (700, 0)
    assert customer.books.query(
        "select book, account, amount, balance_after, reference from reports.entries where transaction_id = %s "
        "order by book",
        transaction,
    ) == [("payments", None, -700, None, reference), ("wallet", customer.account, 700, 700, reference)]


def test_a_credit_with_the_same_reference_is_given_once(customer: Customer) -> None:
    reference = f"invoice {uuid4()}"
    _, transaction, _ = give(customer, 700, reference)
    give(customer, 50, f"invoice {uuid4()}")
    before = customer.rows
    assert give(customer, 700, reference) == (False, transaction, 750)
    assert customer.rows == before


@pytest.mark.parametrize("difference", ["amount", "account"])
def test_a_reference_of_another_credit_is_refused(customer: Customer, difference: str) -> None:
    reference = f"invoice {uuid4()}"
    give(customer, 700, reference)
    other = make_customer(customer.gateway) if difference == "account" else customer
    before = customer.rows, other.rows
    refuses("was given to another credit", lambda: give(other, 700 if other is not customer else 701, reference))
    assert (customer.rows, other.rows) == before


def test_a_credit_given_at_once_by_many_is_given_once(customer: Customer) -> None:
    reference = f"invoice {uuid4()}"
    answers = at_once(8, lambda: give(customer, 700, reference))
    assert sorted(credited for credited, _, _ in answers) == [False] * 7 + [True]
    assert len({transaction for _, transaction, _ in answers}) == 1
    assert customer.wallet == (700, 0)


def test_credits_given_at_once_are_all_given(customer: Customer) -> None:
    at_once(16, lambda: give(customer, 10, f"invoice {uuid4()}"))
    assert customer.wallet == (160, 0)


@pytest.mark.parametrize("amount", [0, -1, -(2**63)])
def test_a_credit_is_more_than_zero(customer: Customer, amount: int) -> None:
    refuses("more than zero", lambda: give(customer, amount, f"invoice {uuid4()}"))


@pytest.mark.parametrize(("amount", "reference"), [(None, "invoice"), (5, None), (5, ""), (5, "i" * 201)])
def test_a_credit_has_an_amount_and_a_reference(customer: Customer, amount: int | None, reference: str | None) -> None:
    with pytest.raises((psycopg.errors.NotNullViolation, psycopg.errors.CheckViolation)):
        give(customer, amount, reference)
    assert customer.wallet == (0, 0)


def test_a_wallet_that_would_have_more_than_a_number_can_say_stays_as_it_was(books: Books) -> None:
    books.open_account(usd_nano=2**63 - 1)
    with books.connect("admin") as admin, pytest.raises(psycopg.errors.NumericValueOutOfRange):
        admin.execute(CREDIT, ("demo", 1, "one too many"))
    assert books.wallet() == (2**63 - 1, 0)
    assert books.query("select kind from reports.entries where reference = 'one too many'") == []
    assert books.problems == []


def test_a_price_published_again_is_the_one_that_there_was(customer: Customer) -> None:
    assert publish(customer, 2, "2026-02-02") is True
    assert publish(customer, 2, "2026-02-02") is False
    assert publish(customer, 2, "2026-02-02T01:00:00+01:00") is False


@pytest.mark.parametrize(
    "changed", [("2026-02-03", 1, 1, 1), ("2026-02-02", 2, 1, 1), ("2026-02-02", 1, None, 1), ("2026-02-02", 1, 1, 2)]
)
def test_a_published_price_never_changes(customer: Customer, changed: tuple[Any, ...]) -> None:
    publish(customer, 2, "2026-02-02")
    refuses("is published and differs", lambda: publish(customer, 2, *changed))


@pytest.mark.parametrize(
    ("version", "from_when"), [(2, "2026-02-03"), (4, "2026-02-02"), (4, "2026-01-01"), (2, "2026-01-15")]
)
def test_a_new_price_has_a_higher_version_and_comes_later(customer: Customer, version: int, from_when: str) -> None:
    publish(customer, 3, "2026-02-02")
    refuses("a higher version and comes later", lambda: publish(customer, version, from_when))


def test_versions_may_leave_numbers_out(customer: Customer) -> None:
    assert publish(customer, 3, "2026-02-02") is True
    assert publish(customer, 7, "2026-02-03") is True


def test_a_published_price_may_come_into_force_later(customer: Customer) -> None:
    customer.credit(1_000)
    customer.administer("select billing.publish_price(%s, 2, now() + interval '1 day', 9, null, 9)", customer.model)
    assert customer.hold().price_version == 1


@pytest.mark.parametrize(
    "price",
    [
        (0, "2026-02-02", 1, 1, 1),
        (2, None, 1, 1, 1),
        (2, "2026-02-02", -1, 1, 1),
        (2, "2026-02-02", 1, -1, 1),
        (2, "2026-02-02", 1, 1, None),
        (2, "2026-02-02", None, 1, 1),
        (2, "2026-02-02", 1, 1, 10**15 + 1),
    ],
)
def test_a_price_that_can_not_be_is_an_error(customer: Customer, price: tuple[Any, ...]) -> None:
    other = f"another {customer.model}"
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)):
        customer.administer(PUBLISH, other, *price)
    assert customer.books.query("select from reports.prices where model = %s", other) == []


def test_a_price_published_at_once_by_many_is_published_once(customer: Customer) -> None:
    assert sorted(at_once(8, lambda: alone(customer, PUBLISH, customer.model, 2, "2026-02-02", 1, 1, 1))) == [
        False
    ] * 7 + [True]


def add(customer: Customer, account: str, name: str) -> Any:
    return customer.administer(ADD, account, name, hash_key(customer.key))


def give(customer: Customer, amount: int | None, reference: str | None) -> tuple[bool, int, int]:
    with customer.books.connect("admin") as connection:
        row = connection.execute("select * from billing.credit(%s, %s, %s)", (customer.account, amount, reference))
        credited, transaction, balance = row.fetchone() or ()
    return credited, transaction, balance


def publish(customer: Customer, version: int, from_when: str, *prices: int | None) -> Any:
    return customer.administer(PUBLISH, customer.model, version, from_when, *(prices or (1, 1, 1)))


def alone(customer: Customer, statement: str, *arguments: object) -> Any:
    """Return what a function answers on a connection of its own."""
    with customer.books.connect("admin") as connection:
        row = connection.execute(statement, arguments).fetchone()
    assert row
    return row[0]


def refuses(words: str, call: Callable[[], object]) -> None:
    with pytest.raises(psycopg.Error, match=words) as caught:
        call()
    assert caught.value.sqlstate == MISTAKE


def at_once(count: int, call: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: call(), range(count)))

"""The proof of the books finds whatever somebody with power over the database did to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from services.billing.ledger import Delivery

from .customers import Customer, Gateway, make_customer

TAMPERING = {
    "a transaction sums to zero": [
        "update billing.entries set amount = amount - 1 where transaction_id = {credit} and book = 'payments'",
        """
        with t as (insert into billing.transactions (kind) values ('credit') returning id)
        insert into billing.credits select id, 'no entries' from t
        """,
    ],
    "a balance is the sum of the wallet's entries": [
        "update billing.wallets set balance = balance + 1 where account_id = {account}",
        "delete from billing.wallets where account_id = {untouched}",
    ],
    "what is held is the sum of the open holds": [
        "update billing.wallets set held = held + 1 where account_id = {account}",
        "update billing.holds set state = 'expired' where id = {open}",
        "delete from billing.holds where id = {open}",
    ],
    "a balance after an entry is the sum up to it": [
        "update billing.entries set balance_after = 1 where transaction_id = {credit} and book = 'wallet'",
    ],
    "a wallet gains from payments and loses to revenue": [
        "update billing.entries set book = 'revenue' where transaction_id = {credit} and book = 'payments'",
        "update billing.entries set book = 'payments' where transaction_id = {charge} and book = 'revenue'",
    ],
    "a hold is what its tokens cost at its price": [
        "update billing.holds set output_tokens = output_tokens + 1 where id = {settled}",
        "update billing.holds set input_tokens = input_tokens - 1 where id = {open}",
    ],
    "a charge is what was delivered at the hold's price": [
        "update billing.settlements set output_tokens = output_tokens + 1 where hold_id = {settled}",
        "update billing.settlements set shortfall = 1 where hold_id = {settled}",
    ],
    "a charge is at most its hold": [
        # A hold that was made smaller with its tokens, so that it is still what they cost.
        "update billing.holds set input_tokens = 0, output_tokens = 0, amount = 0 where id = {settled}",
    ],
    "a settlement moved its charge out of its account's wallet": [
        "update billing.settlements set charge = charge - 1, shortfall = shortfall + 1 where hold_id = {settled}",
    ],
    "a charge belongs to a settlement and a credit to a payment": [
        "delete from billing.credits where transaction_id = {credit}",
        """
        with s as (delete from billing.settlements where hold_id = {settled})
        update billing.holds set state = 'expired' where id = {settled}
        """,
    ],
    "a hold is settled if it has a settlement, and only then": [
        "update billing.holds set state = 'expired' where id = {settled}",
        "update billing.holds set state = 'settled' where id = {expired}",
    ],
}


@dataclass(frozen=True)
class Scene:
    """A ledger with something of everything, and the numbers by which it is tampered with."""

    customer: Customer
    numbers: dict[str, int]

    def tamper(self, statement: str) -> list[tuple[str, str]]:
        """Return the rules that are broken afterwards and what breaks them; then undo it."""
        books = self.customer.books
        with books.container.connect(books.database) as connection, connection.transaction(force_rollback=True):
            connection.execute("set local session_replication_role = replica")  # no trigger, no foreign key
            changed = connection.execute(statement.format(**self.numbers))
            assert changed.rowcount > 0, "something was tampered with"
            return connection.execute("select rule, subject from reports.problems").fetchall()


@pytest.fixture(scope="module")
def scene(gateway: Gateway) -> Iterator[Scene]:
    customer = make_customer(gateway, 1_000)
    untouched = make_customer(gateway, 1_000)
    open_hold, settled, expired = (customer.hold(most=10) for _ in range(3))
    customer.end_lease(expired)
    charge = gateway.settle(Delivery(settled.id, 10, 0, 5, 5)).transaction_id
    assert charge
    books = customer.books
    numbers = {
        "account": books.one("select id from billing.accounts where name = %s", customer.account),
        "untouched": books.one("select id from billing.accounts where name = %s", untouched.account),
        "credit": books.one(
            "select transaction_id from reports.entries where account = %s and kind = 'credit'", customer.account
        ),
        "charge": charge,
        "open": open_hold.id,
        "settled": settled.id,
        "expired": expired.id,
    }
    yield Scene(customer, numbers)
    assert books.problems == []


def test_every_rule_of_the_proof_is_tried_here(gateway: Gateway) -> None:
    view = gateway.books.one("select pg_get_viewdef('reports.problems'::regclass)")
    assert [rule for rule in TAMPERING if rule.replace("'", "''") not in view] == []
    assert view.upper().count("UNION ALL") + 1 == len(TAMPERING)


@pytest.mark.parametrize(
    ("rule", "statement"), [(rule, statement) for rule, statements in TAMPERING.items() for statement in statements]
)
def test_tampering_breaks_the_rule_that_it_should_and_no_other(scene: Scene, rule: str, statement: str) -> None:
    problems = scene.tamper(statement)
    assert {broken for broken, _ in problems} == {rule}
    assert len(problems) == 1


def test_a_problem_tells_what_it_is_about_what_should_be_and_what_is(scene: Scene) -> None:
    books = scene.customer.books
    with books.container.connect(books.database) as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "update billing.wallets set balance = balance + 1 where account_id = %s", (scene.numbers["account"],)
        )
        (problem,) = connection.execute("select * from reports.problems").fetchall()
    assert problem == (
        "a balance is the sum of the wallet's entries",
        f"account {scene.customer.account}",
        "980",
        "981",
    )


def test_the_reporter_sees_the_same_problems(scene: Scene) -> None:
    with scene.customer.books.connect("reporter") as reporter:
        assert reporter.execute("select * from reports.problems").fetchall() == []


def test_a_table_that_is_append_only_needs_the_power_of_a_superuser(scene: Scene) -> None:
    with (
        scene.customer.books.connect("owner") as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        owner.execute("set session_replication_role = replica")

"""Extending a hold while its request is served, and charging exactly what was delivered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from services.billing.ledger import Delivery, Settlement
from tests.integration.services.database.container import wait_until

from .customers import MILLION, Customer


def test_an_extended_hold_covers_what_was_asked_and_holds_what_that_costs(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=10)
    assert customer.gateway.extend(hold.id, 25)
    assert customer.wallet == (1_000, 10 + 50)


def test_an_extension_asked_for_again_holds_nothing_more(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=10)
    assert customer.gateway.extend(hold.id, 25)
    before = customer.rows
    assert customer.gateway.extend(hold.id, 25)
    assert customer.gateway.extend(hold.id, 11)
    assert customer.rows == before


@pytest.mark.parametrize(("balance", "extended"), [(39, False), (40, True), (41, True)])
def test_an_extension_must_be_covered_to_the_nano_dollar(customer: Customer, balance: int, extended: bool) -> None:
    customer.credit(balance)
    hold = customer.hold(inputs=10, most=10)
    assert customer.gateway.extend(hold.id, 15) is extended


def test_an_extension_that_is_refused_leaves_everything_as_it_was(customer: Customer) -> None:
    customer.credit(39)
    hold = customer.hold(inputs=10, most=10)
    before = customer.rows
    assert not customer.gateway.extend(hold.id, 15)
    assert customer.rows == before
    assert customer.gateway.extend(hold.id, 14)


def test_rounding_is_of_the_whole_hold_however_many_extensions_it_had(customer: Customer) -> None:
    customer.credit(1_000)
    customer.publish(MILLION // 3, None, MILLION // 3, version=2)
    hold = customer.hold(inputs=1, most=1)
    for tokens in range(2, 12):
        assert customer.gateway.extend(hold.id, tokens)
    assert customer.wallet == (1_000, 4)


@pytest.mark.parametrize("end", ["settled", "expired"])
def test_a_hold_that_has_ended_is_not_extended(customer: Customer, end: str) -> None:
    customer.credit(1_000)
    hold = customer.hold(most=10)
    if end == "settled":
        customer.gateway.settle(Delivery(hold.id, 10, 0, 5, 5))
    else:
        customer.end_lease(hold)
    before = customer.rows
    assert not customer.gateway.extend(hold.id, 11)
    assert not customer.gateway.extend(hold.id, 1)
    assert customer.rows == before


def test_a_hold_that_there_never_was_is_neither_extended_nor_settled(customer: Customer) -> None:
    assert not customer.gateway.extend(2**62, 10)
    with pytest.raises(psycopg.Error, match="no hold"):
        customer.gateway.settle(Delivery(2**62))


def test_an_extension_beyond_any_request_is_an_error_that_changes_nothing(customer: Customer) -> None:
    customer.credit(10**10)
    hold = customer.hold()
    before = customer.rows
    for tokens in (10**9 + 1, 2**63 - 1):
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
            customer.gateway.extend(hold.id, tokens)
    assert customer.rows == before


def test_what_was_delivered_is_charged_and_the_rest_of_the_hold_given_back(customer: Customer) -> None:
    customer.credit(1_000)
    customer.publish(3 * MILLION, 1 * MILLION, 2 * MILLION, version=2)
    hold = customer.hold(inputs=10, most=100)
    settlement = customer.gateway.settle(Delivery(hold.id, 4, 6, 50, 50))
    assert settlement.charge == 12 + 6 + 100
    assert settlement.shortfall == 0
    assert customer.wallet == (1_000 - 118, 0)


def test_a_charge_is_an_entry_that_tells_its_request_and_the_balance_after_it(customer: Customer) -> None:
    customer.credit(1_000)
    question = customer.ask(inputs=10, most=100)
    hold = customer.gateway.admit(question).hold
    assert hold
    settlement = customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 50))
    entries = customer.books.query(
        "select book, account, amount, balance_after, request_id from reports.entries where transaction_id = %s "
        "order by book",
        settlement.transaction_id,
    )
    assert entries == [
        ("revenue", None, 110, None, question.request_id),
        ("wallet", customer.account, -110, 890, question.request_id),
    ]


def test_the_price_at_admission_is_what_is_charged(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=100)
    customer.publish(7 * MILLION, None, 7 * MILLION, version=2)
    assert customer.gateway.settle(Delivery(hold.id, 10, 0, 100, 100)).charge == 210


@pytest.mark.parametrize(("price", "charge"), [(499_999, 0), (500_000, 1), (1_499_999, 1), (1_500_000, 2)])
def test_a_charge_is_rounded_half_up(customer: Customer, price: int, charge: int) -> None:
    customer.credit(10)
    customer.publish(0, None, price, version=2)
    hold = customer.hold(inputs=1, most=1)
    assert customer.gateway.settle(Delivery(hold.id, 1, 0, 1, 1)).charge == charge
    assert customer.wallet == (10 - charge, 0)


def test_nothing_delivered_is_charged_nothing_and_has_no_transaction(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    assert customer.gateway.settle(Delivery(hold.id)) == Settlement(0, 0, None)
    assert customer.wallet == (1_000, 0)


def test_a_charge_is_never_more_than_the_hold_and_what_is_missing_is_told(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=10)
    settlement = customer.gateway.settle(Delivery(hold.id, 10, 0, 15, 15))
    assert (settlement.charge, settlement.shortfall) == (30, 10)
    assert customer.wallet == (970, 0)


def test_the_first_settlement_of_a_hold_is_the_only_one(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    first = customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 50))
    before = customer.rows
    assert customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 50)) == first
    assert customer.gateway.settle(Delivery(hold.id, 10, 0, 99, 99)) == first
    assert customer.rows == before


@pytest.mark.parametrize("tokens", [-1, 10**9 + 1, 2**63 - 1])
@pytest.mark.parametrize("place", range(3))
def test_a_delivery_that_can_not_be_is_an_error_that_changes_nothing(
    customer: Customer, place: int, tokens: int
) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    before = customer.rows
    quantities = [10, 0, 10, 10]
    quantities[place] = tokens
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
        customer.gateway.settle(Delivery(hold.id, *quantities))
    assert customer.rows == before


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("further", ["", ", 10"], ids=["as before", "with the engine's count"])
def test_a_delivery_that_leaves_something_out_is_an_error_that_changes_nothing(
    customer: Customer, place: int, further: str
) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    before = customer.rows
    quantities: list[int | None] = [10, 0, 10]
    quantities[place] = None
    with customer.books.connect("gateway") as connection, pytest.raises(psycopg.errors.NotNullViolation):
        connection.execute(f"select billing.settle(%s, %s, %s, %s{further})", (hold.id, *quantities))
    assert customer.rows == before


def test_what_the_engine_counted_is_kept_beside_what_was_delivered_and_costs_nothing(customer: Customer) -> None:
    customer.credit(1_000)
    delivered, undelivered, huge = (customer.hold(inputs=10, most=100) for _ in range(3))
    assert customer.gateway.settle(Delivery(delivered.id, 10, 0, 50, 50)).charge == 110
    assert customer.gateway.settle(Delivery(undelivered.id, 10, 0, 50, 57)).charge == 110
    assert customer.gateway.settle(Delivery(huge.id, 0, 0, 0, 2**63 - 1)).charge == 0
    assert customer.wallet == (1_000 - 220, 0)
    holds = (delivered, undelivered, huge)
    assert [customer.engine_output_tokens(hold) for hold in holds] == [50, 57, 2**63 - 1]


def test_no_count_of_the_engine_is_there_until_the_settlement_and_where_none_is_told(customer: Customer) -> None:
    customer.credit(1_000)
    unsettled, unknown, told_as_before = (customer.hold(inputs=10, most=50) for _ in range(3))
    with customer.books.connect("gateway") as connection:
        connection.execute("select billing.settle(%s, 10, 0, 50, null)", (unknown.id,))
    customer.gateway.settle_as_before(Delivery(told_as_before.id, 10, 0, 50))
    for hold in (unsettled, unknown, told_as_before):
        assert customer.engine_output_tokens(hold) is None


@pytest.mark.parametrize(("output", "engine"), [(10, 9), (10, 0), (10, -1), (0, -1), (10, -(2**63) + 10)])
def test_an_engine_that_counted_less_than_was_delivered_is_an_error_that_changes_nothing(
    customer: Customer, output: int, engine: int
) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    before = customer.rows
    with pytest.raises(psycopg.errors.CheckViolation):
        customer.gateway.settle(Delivery(hold.id, 10, 0, output, engine))
    assert customer.rows == before


def test_the_first_settlement_s_count_of_the_engine_stays_or_that_there_is_none(customer: Customer) -> None:
    customer.credit(1_000)
    told, told_as_before = customer.hold(most=50), customer.hold(most=50)
    customer.gateway.settle(Delivery(told.id, 10, 0, 50, 60))
    customer.gateway.settle_as_before(Delivery(told_as_before.id, 10, 0, 50))
    before = customer.rows
    for hold in (told, told_as_before):
        customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 70))
        customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 1))
        customer.gateway.settle_as_before(Delivery(hold.id, 10, 0, 50))
    assert customer.rows == before
    assert (customer.engine_output_tokens(told), customer.engine_output_tokens(told_as_before)) == (60, None)


def test_of_two_settlements_at_once_the_first_one_s_count_of_the_engine_stays(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    statement = "select transaction_id from billing.settle(%s, 10, 0, 50, %s)"
    with (
        customer.books.connect("gateway") as first,
        customer.books.connect("gateway") as second,
        ThreadPoolExecutor(1) as threads,
    ):
        with first.transaction():
            charged = first.execute(statement, (hold.id, 60)).fetchone()
            settling = threads.submit(lambda: second.execute(statement, (hold.id, 70)).fetchone())
            backend = second.info.backend_pid
            wait_until(
                lambda: customer.gateway.query("select 1 from pg_locks where not granted and pid = %s", backend) != [],
                "the second waits for the first",
            )
        assert settling.result() == charged
    assert customer.engine_output_tokens(hold) == 60


def test_a_late_settlement_charges_in_full_what_the_wallet_still_covers(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=100)
    customer.end_lease(hold)
    assert customer.wallet == (1_000, 0)
    settlement = customer.gateway.settle(Delivery(hold.id, 10, 0, 100, 100))
    assert (settlement.charge, settlement.shortfall) == (210, 0)
    assert customer.wallet == (790, 0)
    assert customer.state(hold) == "settled"
    assert customer.books.one("select late from reports.requests where hold_id = %s", hold.id)


def test_a_late_settlement_takes_nothing_that_another_request_holds(customer: Customer) -> None:
    customer.credit(300)
    hold = customer.hold(inputs=10, most=100)
    customer.end_lease(hold)
    customer.hold(inputs=10, most=95)
    settlement = customer.gateway.settle(Delivery(hold.id, 10, 0, 100, 100))
    assert (settlement.charge, settlement.shortfall) == (100, 110)
    assert customer.wallet == (200, 200)


def test_a_late_settlement_of_a_spent_wallet_charges_nothing_and_tells_what_is_missing(customer: Customer) -> None:
    customer.credit(210)
    hold = customer.hold(inputs=10, most=100)
    customer.end_lease(hold)
    customer.hold(inputs=10, most=100)
    assert customer.gateway.settle(Delivery(hold.id, 10, 0, 100, 100)) == Settlement(0, 210, None)
    assert customer.wallet == (210, 210)


def test_a_late_settlement_is_never_more_than_the_hold_was(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=10)
    customer.end_lease(hold)
    settlement = customer.gateway.settle(Delivery(hold.id, 10, 0, 100, 100))
    assert (settlement.charge, settlement.shortfall) == (30, 180)


def test_a_late_settlement_asked_for_again_moves_nothing(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold()
    customer.end_lease(hold)
    first = customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 50))
    customer.credit(1_000)
    before = customer.rows
    assert customer.gateway.settle(Delivery(hold.id, 10, 0, 50, 50)) == first
    customer.gateway.expire()
    assert customer.rows == before

"""What the ledger says of a request before it is served, and what it holds for it."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from contract.money import Unit
from services.billing.ledger import Delivery, Verdict

from .books import hash_key
from .customers import MILLION, Customer, Gateway, make_customer


def test_an_unknown_key_is_told(customer: Customer) -> None:
    question = replace(customer.ask(), key_hash=hash_key("nobody's"))
    assert customer.gateway.admit(question).verdict is Verdict.UNKNOWN_KEY


def test_a_revoked_key_is_told_and_another_of_the_account_still_serves(customer: Customer) -> None:
    customer.credit(1_000)
    second = customer.with_another_key()
    customer.administer("select billing.revoke_key(%s, 'first')", customer.account)
    assert customer.admit().verdict is Verdict.REVOKED_KEY
    assert second.admit().verdict is Verdict.ADMITTED


def test_a_model_without_a_price_is_unknown(customer: Customer) -> None:
    customer.credit(1_000)
    assert replace(customer, model="nobody's").admit().verdict is Verdict.UNKNOWN_MODEL


def test_a_model_whose_price_is_not_yet_in_force_is_unknown(customer: Customer) -> None:
    customer.credit(1_000)
    later = replace(customer, model=f"later than {customer.model}")
    customer.administer(
        "select billing.publish_price(%s, 1, now() + interval '1 day', 1, null, 1)",
        later.model,
    )
    assert later.admit().verdict is Verdict.UNKNOWN_MODEL


@pytest.mark.parametrize("question", ["unknown key", "revoked key", "unknown model", "insufficient funds"])
def test_what_is_not_admitted_has_no_hold_and_leaves_the_books_alone(customer: Customer, question: str) -> None:
    customer.credit(5)
    asked = customer.ask(inputs=10)
    if question == "unknown key":
        asked = replace(asked, key_hash=hash_key("nobody's"))
    elif question == "unknown model":
        asked = replace(asked, model="nobody's")
    elif question == "revoked key":
        customer.administer("select billing.revoke_key(%s, 'first')", customer.account)
    before = customer.rows
    admission = customer.gateway.admit(asked)
    assert (admission.verdict, admission.hold) == (Verdict(question.replace(" ", "_")), None)
    assert customer.rows == before


def test_a_hold_tells_whose_it_is_and_what_each_unit_costs(customer: Customer) -> None:
    customer.credit(1_000)
    hold = customer.hold(inputs=10, most=100)
    assert (hold.account, hold.price_version) == (customer.account, 1)
    assert hold.prices == {
        Unit.INPUT_TOKENS: 1 * MILLION,
        Unit.CACHED_INPUT_TOKENS: 1 * MILLION,
        Unit.OUTPUT_TOKENS: 2 * MILLION,
    }
    assert (hold.output_tokens, hold.amount) == (100, 10 + 200)
    assert customer.wallet == (1_000, 210)


def test_every_input_token_is_held_for_as_if_of_the_dearer_kind(customer: Customer) -> None:
    customer.credit(1_000)
    customer.publish(1 * MILLION, 3 * MILLION, 2 * MILLION, version=2)
    assert customer.hold(inputs=10, most=1).amount == 30 + 2


def test_a_hold_is_rounded_up(customer: Customer) -> None:
    customer.credit(1_000)
    customer.publish(1, None, 1, version=2)
    assert customer.hold(inputs=1, most=1).amount == 1


def test_a_new_price_is_for_requests_admitted_from_then_on(customer: Customer) -> None:
    customer.credit(1_000)
    before = customer.hold(inputs=10, most=10)
    customer.publish(7 * MILLION, None, 7 * MILLION, version=2)
    after = customer.hold(inputs=10, most=10)
    assert [(hold.price_version, hold.amount) for hold in (before, after)] == [(1, 30), (2, 140)]
    assert customer.gateway.extend(before.id, 20)
    assert customer.wallet == (1_000, 50 + 140)


@pytest.mark.parametrize(
    ("balance", "verdict"), [(11, Verdict.INSUFFICIENT_FUNDS), (12, Verdict.ADMITTED), (13, Verdict.ADMITTED)]
)
def test_a_wallet_must_cover_the_prompt_and_the_least_output_to_the_nano_dollar(
    customer: Customer, balance: int, verdict: Verdict
) -> None:
    customer.credit(balance)
    assert customer.admit(inputs=10, least=1, most=1).verdict is verdict


def test_what_is_held_is_not_there_for_another_request(customer: Customer) -> None:
    customer.credit(23)
    customer.hold(inputs=10, most=1)
    assert customer.admit(inputs=10, least=1, most=1).verdict is Verdict.INSUFFICIENT_FUNDS
    customer.credit(1)
    assert customer.admit(inputs=10, least=1, most=1).verdict is Verdict.ADMITTED
    assert customer.wallet == (24, 24)


@pytest.mark.parametrize(("balance", "covered"), [(209, 99), (210, 100), (211, 100), (15, 2)])
def test_a_plain_hold_is_for_as_many_tokens_as_the_wallet_covers(
    customer: Customer, balance: int, covered: int
) -> None:
    customer.credit(balance)
    hold = customer.hold(inputs=10, least=1, most=100)
    assert (hold.output_tokens, hold.amount) == (covered, 10 + 2 * covered)


def test_a_model_that_costs_nothing_is_served_to_an_empty_wallet(customer: Customer) -> None:
    customer.publish(0, None, 0, version=2)
    hold = customer.hold(most=100)
    assert (hold.output_tokens, hold.amount) == (100, 0)


def test_free_output_does_not_make_a_prompt_free(customer: Customer) -> None:
    customer.publish(1 * MILLION, None, 0, version=2)
    customer.credit(9)
    assert customer.admit(inputs=10).verdict is Verdict.INSUFFICIENT_FUNDS
    customer.credit(1)
    assert customer.hold(inputs=10, most=100).output_tokens == 100


def test_the_same_request_asked_for_again_has_the_same_hold(customer: Customer) -> None:
    customer.credit(1_000)
    question = customer.ask()
    first = customer.gateway.admit(question)
    before = customer.rows
    customer.publish(7 * MILLION, None, 7 * MILLION, version=2)
    assert customer.gateway.admit(question) == first
    assert customer.rows == before


def test_a_request_asked_for_again_says_what_its_hold_covers_by_now(customer: Customer) -> None:
    customer.credit(1_000)
    question = customer.ask(most=10)
    hold = customer.gateway.admit(question).hold
    assert hold
    assert customer.gateway.extend(hold.id, 20)
    again = customer.gateway.admit(question).hold
    assert again == replace(hold, output_tokens=20, amount=50)


@pytest.mark.parametrize("other", ["key of the account", "account"])
def test_a_request_id_with_another_key_is_an_error_that_changes_nothing(
    customer: Customer, gateway: Gateway, other: str
) -> None:
    customer.credit(1_000)
    question = customer.ask()
    gateway.admit(question)
    stranger = customer.with_another_key() if other == "key of the account" else make_customer(gateway, 1_000)
    before = customer.rows, stranger.rows
    with pytest.raises(psycopg.Error, match="admitted before"):
        gateway.admit(replace(question, key_hash=hash_key(stranger.key), model=stranger.model))
    assert (customer.rows, stranger.rows) == before


@pytest.mark.parametrize("end", ["settled", "expired"])
def test_a_request_that_has_ended_is_not_admitted_again(customer: Customer, end: str) -> None:
    customer.credit(1_000)
    question = customer.ask()
    hold = customer.gateway.admit(question).hold
    assert hold
    if end == "settled":
        customer.gateway.settle(Delivery(hold.id))
    else:
        customer.end_lease(hold)
    before = customer.rows
    with pytest.raises(psycopg.Error, match="has ended"):
        customer.gateway.admit(question)
    assert customer.rows == before


@pytest.mark.parametrize(("least", "most"), [(0, 10), (-1, 10), (11, 10)])
def test_a_range_of_output_tokens_that_makes_no_sense_is_an_error(customer: Customer, least: int, most: int) -> None:
    customer.credit(1_000)
    with pytest.raises(psycopg.Error, match="output tokens: given"):
        customer.admit(least=least, most=most)
    assert customer.wallet == (1_000, 0)


@pytest.mark.parametrize(("inputs", "most"), [(-1, 10), (10**9 + 1, 1), (1, 10**9 + 1), (2**63 - 1, 1), (1, 2**63 - 1)])
def test_more_tokens_than_any_request_has_are_an_error_that_changes_nothing(
    customer: Customer, inputs: int, most: int
) -> None:
    customer.credit(10**13)
    customer.publish(10**9, None, 10**9, version=2)
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
        customer.admit(inputs=inputs, least=1, most=most)
    assert customer.wallet == (10**13, 0)


@pytest.mark.parametrize("missing", range(7))
def test_what_is_left_out_is_an_error_that_changes_nothing(customer: Customer, missing: int) -> None:
    customer.credit(1_000)
    arguments = [uuid4(), hash_key(customer.key), customer.model, 10, 1, 10, "1 minute"]
    arguments[missing] = None
    with customer.books.connect("gateway") as connection:
        try:
            row = connection.execute("select * from billing.admit(%s, %s, %s, %s, %s, %s, %s)", arguments).fetchone()
        except psycopg.Error:
            pass
        else:
            assert row
            assert row[0] in {"unknown_key", "unknown_model"}
    assert customer.wallet == (1_000, 0)

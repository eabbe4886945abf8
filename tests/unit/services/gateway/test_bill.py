from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contract.money import Unit, hold
from services.billing.ledger import Delivery, Hold
from services.gateway.bill import Bill
from services.gateway.counts import Counts

PRICES = {Unit.INPUT_TOKENS: 100_000_000, Unit.CACHED_INPUT_TOKENS: 50_000_000, Unit.OUTPUT_TOKENS: 200_000_000}
REQUEST = UUID(int=1)
COUNT = st.integers(0, 200)


def make_bill(most_input_tokens: int = 100, output_tokens: int = 50) -> Bill:
    quantities = {Unit.INPUT_TOKENS: most_input_tokens, Unit.OUTPUT_TOKENS: output_tokens}
    return Bill(REQUEST, "tiny", Hold(3, "acme", 2, PRICES, output_tokens, hold(quantities, PRICES)), most_input_tokens)


def test_a_bill_begins_with_nothing() -> None:
    assert make_bill().to_delivery() == Delivery(3)
    assert make_bill().charge == 0


def test_a_receipt_and_the_usage_say_what_the_ledger_is_told() -> None:
    bill = make_bill()
    bill.note_counts(Counts(6, 26, 12))
    bill.take_output(50)

    assert bill.to_delivery() == Delivery(3, 6, 26, 12, 12)
    assert bill.to_receipt() == {
        "request_id": str(REQUEST),
        "model": "tiny",
        "price_version": 2,
        "input_tokens": 6,
        "cached_input_tokens": 26,
        "output_tokens": 12,
        "charge_usd": "0.0000043",
    }
    assert bill.to_usage() == {
        "prompt_tokens": 32,
        "completion_tokens": 12,
        "total_tokens": 44,
        "prompt_tokens_details": {"cached_tokens": 26},
    }
    assert not bill.exceeded


def test_what_was_read_and_not_delivered_is_noted_and_costs_nothing() -> None:
    bill = make_bill()
    bill.note_counts(Counts(6, 26, 12))
    bill.take_output(50)
    charge, receipt = bill.charge, bill.to_receipt()
    bill.note_counts(Counts(6, 26, 60))

    assert bill.to_delivery() == Delivery(3, 6, 26, 12, 60)
    assert (bill.charge, bill.to_receipt()) == (charge, receipt)
    assert not bill.exceeded


@given(fresh=COUNT, cached=COUNT, output=COUNT)
def test_whatever_an_engine_counts_the_charge_is_within_the_hold(fresh: int, cached: int, output: int) -> None:
    bill = make_bill()
    bill.note_counts(Counts(fresh, cached, output))
    bill.take_output(bill.hold.output_tokens)

    assert bill.charge <= bill.hold.amount
    assert bill.to_delivery().output_tokens <= bill.to_delivery().engine_output_tokens == output
    assert bill.exceeded == (fresh + cached > 100 or output > 50)

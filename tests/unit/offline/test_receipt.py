"""A receipt is what the ledger says of a request once it is settled; whatever else it says is told in a sentence."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from typing import Any

import pytest

from offline import receipt
from offline.receipt import Receipt, ReceiptMissing, read_receipt
from tests.unit.offline.conftest import Machine

SETTLED: dict[str, Any] = {
    "request": {
        "input_tokens": 35,
        "cached_input_tokens": 2,
        "output_tokens": 22,
        "price_version": 1,
        "charge": 8000,
        "transaction_id": 2,
        "settled_at": "2026-11-24T18:44:00+00:00",
    },
    "price": {"version": 1, "input_tokens": 100, "cached_input_tokens": 50, "output_tokens": 200},
    "entries": [
        {"book": "wallet", "amount": -8000, "balance_after": 4_999_992_000},
        {"book": "revenue", "amount": 8000, "balance_after": None},
    ],
}
OPEN = {**SETTLED, "request": {**SETTLED["request"], "settled_at": None, "charge": None}, "entries": []}

Say = Callable[..., None]


@pytest.fixture
def say(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Return a function that lets the admin command print documents, one a call, the last for ever."""
    monkeypatch.setattr(sys, "executable", str(machine.programs / "python"))
    monkeypatch.setattr(receipt, "PAUSE_SECONDS", 0)

    def install(*documents: object, code: int = 0, complaint: str = "") -> None:
        for number, document in enumerate(documents):
            text = document if isinstance(document, str) else json.dumps(document)
            (machine.root / f"said-{number}").write_text(text)
        machine.install(
            "python",
            f"""echo "$*" >> {machine.root}/asked
            number=$(($(wc -l < {machine.root}/asked) - 1))
            [ -f {machine.root}/said-$number ] || number={len(documents) - 1}
            cat {machine.root}/said-$number
            echo {shlex.quote(complaint)} >&2
            exit {code}""",
        )

    return install


def test_a_settled_request_has_a_receipt(say: Say, machine: Machine) -> None:
    say(SETTLED)
    assert read_receipt("31e10610", {"PATH": "/usr/bin:/bin"}) == Receipt(
        input_tokens=35,
        cached_input_tokens=2,
        output_tokens=22,
        price_version=1,
        prices={"input_tokens": 100, "cached_input_tokens": 50, "output_tokens": 200},
        charge=8000,
        balance_before=5_000_000_000,
        balance_after=4_999_992_000,
        transaction_id=2,
    )
    assert (machine.root / "asked").read_text() == "-P -m services.billing show 31e10610 --json\n"


def test_one_that_is_not_settled_yet_is_waited_for(say: Say, machine: Machine) -> None:
    say(OPEN, OPEN, SETTLED)
    assert read_receipt("31e10610", {"PATH": "/usr/bin:/bin"}).charge == 8000
    assert len((machine.root / "asked").read_text().splitlines()) == 3


def test_one_that_is_never_settled_has_none(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "PATIENCE_SECONDS", 0)
    say(OPEN)
    with pytest.raises(ReceiptMissing, match="request 31e10610 is not settled after 0 s"):
        read_receipt("31e10610", {"PATH": "/usr/bin:/bin"})


def test_why_the_ledger_can_not_be_asked_is_told(say: Say) -> None:
    say("", code=1, complaint="error: no request 31e10610 was admitted")
    with pytest.raises(
        ReceiptMissing, match=r"^no receipt of request 31e10610: error: no request 31e10610 was admitted$"
    ):
        read_receipt("31e10610", {"PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"request": {}, "price": {}}', {**SETTLED, "entries": []}])
def test_what_is_no_receipt_is_told_as_it_is(say: Say, said: object) -> None:
    say(said)
    with pytest.raises(ReceiptMissing, match="the ledger shows no receipt but"):
        read_receipt("31e10610", {"PATH": "/usr/bin:/bin"})

"""What the completion at the end of `make up` cost, as the ledger has it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.problems import describe_given
from offline.environment import REPOSITORY

PATIENCE_SECONDS = 30
"""Longest wait for the settlement, which comes a moment after the answer."""
PAUSE_SECONDS = 0.2


class ReceiptMissing(Exception):
    """The ledger does not say what a request cost; the text says what it said."""


@dataclass(frozen=True)
class Receipt:
    """A settled request. Amounts are nano-dollars."""

    input_tokens: int
    """Those that were not cached."""
    cached_input_tokens: int
    output_tokens: int
    price_version: int
    prices: Mapping[str, int]
    """Nano-dollars per 1,000,000 of each kind of tokens."""
    charge: int
    balance_before: int
    balance_after: int
    transaction_id: int


def read_receipt(request_id: str, environment: Mapping[str, str]) -> Receipt:
    """Return what a request cost, once it is settled.

    Args:
        request_id: what the gateway called it.
        environment: of an instance, with the service file of its ledger.

    Raises:
        ReceiptMissing: the ledger can't be asked, or does not settle the request.
    """
    command = [sys.executable, "-P", "-m", "services.billing", "show", request_id, "--json"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise ReceiptMissing(f"no receipt of request {request_id}: {ended.stderr.strip()}")
        found = _parse(ended.stdout)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise ReceiptMissing(f"request {request_id} is not settled after {PATIENCE_SECONDS} s")
        time.sleep(PAUSE_SECONDS)


def _parse(text: str) -> Receipt | None:
    try:
        shown: dict[str, Any] = json.loads(text)
        request, price = shown["request"], shown["price"]
        if request["settled_at"] is None:
            return None
        balance_after = next(entry["balance_after"] for entry in shown["entries"] if entry["book"] == "wallet")
        return Receipt(
            input_tokens=request["input_tokens"],
            cached_input_tokens=request["cached_input_tokens"],
            output_tokens=request["output_tokens"],
            price_version=request["price_version"],
            prices={name: price[name] for name in ("input_tokens", "cached_input_tokens", "output_tokens")},
            charge=request["charge"],
            balance_before=balance_after + request["charge"],
            balance_after=balance_after,
            transaction_id=request["transaction_id"],
        )
    except (KeyError, TypeError, ValueError, StopIteration):
        raise ReceiptMissing(f"the ledger shows no receipt but {describe_given(text)}") from None

"""Evidence of a run in which everybody counted the same, and ways to change one thing of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from contract.catalog import Catalog, Price
from contract.documents import read_catalog
from contract.outputs import Outputs
from contract.slo import Slos
from loadtests.evidence.engines import EngineCounts
from loadtests.evidence.ledger import LedgerRow
from loadtests.records import Outcome, Record, Told
from loadtests.settings import Settings
from loadtests.verdict.verdict import Evidence, Verdict, judge
from tests.unit.outputs import OUTPUTS

MODEL = "smollm2-135m"
ERRORS = "errors"
LATENCY = "latency: first token"
WHOLE = "tokens of whole answers"
OTHERS = "tokens of other requests"
CHARGES = "charges"
STRANGERS = "requests of the account that this run did not make"
ENGINES = "the engines' own totals"
BOOKS = "the ledger's books"
CHECKS = [ERRORS, LATENCY, WHOLE, OTHERS, CHARGES, STRANGERS, ENGINES, BOOKS]

INPUT_PRICE, CACHED_PRICE, OUTPUT_PRICE = 100, 50, 200
"""Nano-dollars of one token."""
BASELINE_ENDED = 100.0
BEGUN = 200.0
"""When requests of the run proper begin; those of the baseline do before the baseline has ended."""
MOST = 64
HELD_INPUT = 40


def make_slos(objective: str = "1", quantity: str = "first_token", latency_objective: str = "99") -> Slos:
    """Return one promise of availability, by default one that nearly any run keeps, and one of latency."""
    common = {"description": "A promise.", "service": "gateway", "window_days": 30}
    latency = {"kind": "latency", "quantity": quantity, "threshold_ms": 500, "baseline_multiple": 3.0}
    return Slos.model_validate(
        {
            "slos": {
                "available": {**common, "objective": objective, "indicator": {"kind": "availability"}},
                "quick": {**common, "objective": latency_objective, "indicator": latency},
            }
        }
    )


def make_catalog(*versions: int) -> Catalog:
    """Return the catalog with prices of which tests know what a token costs."""
    catalog = _read_catalog()
    prices = [
        Price.model_validate(
            {
                "version": version,
                "effective_from": f"2026-01-0{version}T00:00:00Z",
                "usd_per_million": {"input_tokens": "0.10", "cached_input_tokens": "0.05", "output_tokens": "0.20"},
            }
        )
        for version in versions
    ]
    model = catalog.models[MODEL].model_copy(update={"prices": prices})
    return catalog.model_copy(update={"models": {MODEL: model}})


@cache
def _read_catalog() -> Catalog:
    return read_catalog()


def make_settings(slos: Slos | None = None, outputs: dict[str, Any] | None = None) -> Settings:
    return Settings(
        outputs=Outputs.model_validate(outputs or OUTPUTS),
        catalog=make_catalog(1),
        slos=slos or make_slos(),
        model=MODEL,
        key="fg_demo",
        seed=1,
        results=Path(),
    )


_SETTINGS = make_settings()


def price_tokens(inputs: int, cached: int, outputs: int) -> int:
    return INPUT_PRICE * inputs + CACHED_PRICE * cached + OUTPUT_PRICE * outputs


@dataclass(frozen=True)
class Request:
    """One request, as its client and the ledger know it."""

    record: Record
    row: LedgerRow | None

    def see(self, **changes: Any) -> Request:
        """Return the same request, of which the client saw something else."""
        return replace(self, record=replace(self.record, **changes))

    def tell(self, **changes: Any) -> Request:
        """Return the same request, whose receipt says something else."""
        assert self.record.told
        return self.see(told=replace(self.record.told, **changes))

    def book(self, **changes: Any) -> Request:
        """Return the same request, of which the ledger says something else."""
        assert self.row
        return replace(self, row=replace(self.row, **changes))

    def charge(self, outputs: int) -> Request:
        """Return the same request, charged for so many output tokens by a gateway that is at one with itself."""
        assert self.row
        due = price_tokens(self.row.input_tokens or 0, self.row.cached_input_tokens or 0, outputs)
        changed = self.book(output_tokens=outputs, charge=due, charged=due)
        return changed.tell(output_tokens=outputs, charge=due) if self.record.told else changed


def make_row(
    name: str, charged: int = 10, sent: int | None = None, inputs: int = 30, cached: int = 4, account: str = "demo"
) -> LedgerRow:
    """Return a request that was charged for so many output tokens, of which the engine sent at least as many."""
    due = price_tokens(inputs, cached, charged)
    return LedgerRow(
        request_id=name,
        account=account,
        model=MODEL,
        state="settled",
        price_version=1,
        held_input_tokens=HELD_INPUT,
        held_output_tokens=MOST,
        input_tokens=inputs,
        cached_input_tokens=cached,
        output_tokens=charged,
        engine_output_tokens=charged if sent is None else sent,
        charge=due,
        shortfall=0,
        charged=due,
    )


def make_expired_row(name: str, state: str = "expired") -> LedgerRow:
    """Return a request whose hold went back."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("input_tokens", "cached_input_tokens", "output_tokens", "engine_output_tokens", "charge", "shortfall")
    )
    return replace(make_row(name), state=state, charged=0, **nothing)


def make_whole(name: str, tokens: int = 10, inputs: int = 30, cached: int = 4, begun: float = BEGUN) -> Request:
    """Return a request whose answer is whole."""
    row = make_row(name, tokens, inputs=inputs, cached=cached)
    record = Record(
        model=MODEL,
        begun=begun,
        seconds=1.0,
        outcome=Outcome.FINISHED,
        most_output_tokens=MOST,
        request_id=name,
        status=200,
        first_token_seconds=0.1,
        output_tokens=tokens,
        told=Told(inputs, cached, tokens, row.charged),
    )
    return Request(record, row)


def make_apart(
    name: str | None, outcome: Outcome = Outcome.LEFT, came: int = 5, charged: int = 6, sent: int = 8
) -> Request:
    """Return a request that ended in another way, without a receipt."""
    record = Record(
        model=MODEL,
        begun=BEGUN,
        seconds=1.0,
        outcome=outcome,
        most_output_tokens=MOST,
        request_id=name,
        status=200 if name else None,
        first_token_seconds=0.1 if came else None,
        output_tokens=came,
        reason=None if outcome is Outcome.LEFT else "it says why",
    )
    return Request(record, make_row(name, charged, sent) if name else None)


def make_nameless(outcome: Outcome = Outcome.UNREACHED) -> Request:
    """Return a request that was never answered."""
    return make_apart(None, outcome, came=0)


def make_refused(name: str, row: LedgerRow | None = None) -> Request:
    """Return a request that was answered with an error."""
    refused = make_apart(name, Outcome.REFUSED, came=0).see(status=503)
    return replace(refused, row=row)


@dataclass(frozen=True)
class Sample:
    """A run. The engines counted what the ledger says that they sent and read, if nothing else is said."""

    requests: Sequence[Request]
    strangers: Sequence[LedgerRow] = ()
    """Rows that are no request's."""
    problems: Sequence[str] = ()
    counts: EngineCounts | None = None
    baseline: Sequence[Request] = field(
        default_factory=lambda: [make_whole(f"baseline-{number}", begun=number) for number in range(5)]
    )

    @property
    def evidence(self) -> Evidence:
        requests = [*self.baseline, *self.requests]
        rows = [*(request.row for request in requests if request.row is not None), *self.strangers]
        return Evidence(
            records=[request.record for request in requests],
            baseline_ended=BASELINE_ENDED,
            rows=rows,
            problems=self.problems,
            counts=self.counts or count_rows(rows),
        )

    def judge(self, settings: Settings | None = None) -> Verdict:
        return judge(self.evidence, settings or _SETTINGS)

    def recount(self, **more: int) -> Sample:
        """Return the same run, in which the engines counted so many more than the ledger says."""
        counts = self.evidence.counts
        return replace(self, counts=replace(counts, **{name: getattr(counts, name) + by for name, by in more.items()}))


def count_rows(rows: Iterable[LedgerRow]) -> EngineCounts:
    rows = list(rows)
    return EngineCounts(
        input_tokens=sum(row.input_tokens or 0 for row in rows),
        cached_input_tokens=sum(row.cached_input_tokens or 0 for row in rows),
        output_tokens=sum(row.engine_output_tokens or 0 for row in rows),
        engines=2,
        lost=[],
    )


def list_failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def list_details(verdict: Verdict, name: str) -> list[str]:
    """Return what one check finds wrong."""
    [check] = [check for check in verdict.checks if check.name == name]
    return list(check.details)

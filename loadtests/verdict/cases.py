"""Requests as their client and the ledger know them, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.evidence.ledger import LedgerRow
from loadtests.records import Outcome, Record


@dataclass(frozen=True)
class Case:
    """One request of this run."""

    record: Record
    row: LedgerRow | None
    """Absent where the ledger does not know it."""

    @property
    def name(self) -> str:
        return self.record.request_id or "no request id"


@dataclass(frozen=True)
class Cases:
    """All requests of a run, and what else was admitted meanwhile."""

    finished: Sequence[Case]
    """Whole answers: all counts are the same."""
    apart: Sequence[Case]
    """All others: each count has its bounds."""
    strangers: Sequence[LedgerRow]
    """Requests of the account that no client of this run knows by name."""
    others: Sequence[LedgerRow]
    """Requests of other accounts."""

    @property
    def nameless(self) -> Sequence[Case]:
        """Requests that were never answered: the ledger may know them as strangers."""
        return [case for case in self.apart if case.record.request_id is None]

    @property
    def rows(self) -> Sequence[LedgerRow]:
        """Return what the ledger says of this run's requests."""
        return [case.row for case in (*self.finished, *self.apart) if case.row is not None]


def match_cases(records: Sequence[Record], rows: Sequence[LedgerRow]) -> Cases:
    """Put what clients saw beside what the ledger says of the same time.

    What the ledger knows once belongs to one request: a second one of the same name is unknown to it.
    """
    rest = {row.request_id: row for row in rows}
    cases = [Case(record, rest.pop(record.request_id or "", None)) for record in records]
    accounts = {case.row.account for case in cases if case.row is not None}
    return Cases(
        finished=[case for case in cases if case.record.outcome is Outcome.FINISHED],
        apart=[case for case in cases if case.record.outcome is not Outcome.FINISHED],
        strangers=[row for row in rest.values() if row.account in accounts],
        others=[row for row in rest.values() if row.account not in accounts],
    )

"""What the terminal and the page show alike, as rows of text."""

from __future__ import annotations

from collections.abc import Sequence

from contract.money import format_usd
from loadtests.verdict.cases import Case
from loadtests.verdict.money import describe_case
from loadtests.verdict.verdict import Verdict

COUNTS_HEAD = ("requests", "number", "client", "engine", "ledger", "charged, USD")
APART_HEAD = ("request", "outcome", "client", "engine", "ledger", "charged, USD", "what became of it")


def list_counts(verdict: Verdict) -> list[tuple[str, ...]]:
    """Return the three counts of output tokens, of whole answers and of others."""
    return [
        ("whole answers", *_sum(verdict.cases.finished)),
        ("others", *_sum(verdict.cases.apart)),
    ]


def list_apart(verdict: Verdict) -> list[tuple[str, ...]]:
    """Return each request that did not end as whole answers do."""
    return [
        (
            case.name,
            case.record.outcome,
            str(case.record.output_tokens),
            _write(case.row.engine_output_tokens if case.row else None),
            _write(case.row.output_tokens if case.row else None),
            format_usd(case.row.charged) if case.row else "-",
            describe_case(case),
        )
        for case in verdict.cases.apart
    ]


def _sum(cases: Sequence[Case]) -> tuple[str, ...]:
    rows = [case.row for case in cases if case.row is not None]
    return (
        str(len(cases)),
        str(sum(case.record.output_tokens for case in cases)),
        str(sum(row.engine_output_tokens or 0 for row in rows)),
        str(sum(row.output_tokens or 0 for row in rows)),
        format_usd(sum(row.charged for row in rows)),
    )


def _write(count: int | None) -> str:
    return "-" if count is None else str(count)

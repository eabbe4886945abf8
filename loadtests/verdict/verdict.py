"""The verdict of a run, and the facts that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.evidence.engines import EngineCounts
from loadtests.evidence.ledger import LedgerRow
from loadtests.records import Record
from loadtests.settings import Settings
from loadtests.verdict.cases import Cases, match_cases
from loadtests.verdict.checks import Check
from loadtests.verdict.money import (
    judge_apart,
    judge_books,
    judge_charges,
    judge_engines,
    judge_finished,
    judge_strangers,
    list_prices,
)
from loadtests.verdict.quality import Limit, find_availability, find_limits, judge_errors, judge_latency


@dataclass(frozen=True)
class Evidence:
    """All that is known of a run."""

    records: Sequence[Record]
    """What clients saw."""
    baseline_ended: float
    """Unix time; what began before belongs to the baseline."""
    rows: Sequence[LedgerRow]
    """What the ledger says of the same time."""
    problems: Sequence[str]
    """What does not add up in its books."""
    counts: EngineCounts
    """What the engines did."""


@dataclass(frozen=True)
class Verdict:
    """Pass or fail."""

    checks: Sequence[Check]
    cases: Cases
    limits: Sequence[Limit]
    evidence: Evidence

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)


def judge(evidence: Evidence, settings: Settings) -> Verdict:
    """Return the verdict. What is missing fails: nothing passes that was not seen."""
    slos, model = settings.slos.slos, settings.catalog.models[settings.model]
    baseline = [record for record in evidence.records if record.begun < evidence.baseline_ended]
    rest = [record for record in evidence.records if record.begun >= evidence.baseline_ended]
    cases = match_cases(evidence.records, evidence.rows)
    limits = list(find_limits(slos, baseline, shared_machine=settings.outputs.instance is not None))
    availability = find_availability(slos)
    checks = [
        judge_errors(*availability, evidence.records)
        if availability
        else Check("errors", False, "no objective", "an SLO of availability in stacks/slo.yaml"),
        *(judge_latency(limit, slos[limit.slo], rest) for limit in limits),
        judge_finished(cases),
        judge_apart(cases),
        judge_charges(cases, list_prices(model)),
        judge_strangers(cases),
        judge_engines(cases, evidence.counts),
        judge_books(evidence.problems),
    ]
    return Verdict(checks, cases, limits, evidence)

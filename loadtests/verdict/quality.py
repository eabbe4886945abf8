"""Quality of service: errors, and latency against the run's own baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from contract.slo import Availability, Latency, Slo
from loadtests.records import Outcome, Record
from loadtests.verdict.checks import Check

FEWEST_IN_BASELINE = 5
"""With fewer a median says nothing."""
CHANCE = 0.001
"""A share of slow answers counts as too large only if chance alone would bring it about less often than this: short
runs and machines that others use, too, have a slow answer now and then."""


@dataclass(frozen=True)
class Limit:
    """How slow an answer may be."""

    slo: str
    quantity: str
    seconds: float
    words: str
    """The limit, and where it comes from."""


def judge_errors(name: str, slo: Slo, records: Sequence[Record]) -> Check:
    """Check that the share of requests that failed is within the error budget.

    An error is a fact, however few requests there are: chance is no excuse here.
    """
    failed = [record for record in records if record.outcome.is_failure]
    allowed = f"at most {100 * slo.error_budget:f} % ({name})"
    if not records:
        return Check("errors", False, "no requests", allowed)
    named: dict[str, list[str]] = {}
    for record in failed:
        named.setdefault(f"{record.outcome}: {record.reason}", []).append(record.request_id or "no request id")
    reasons = [f"{len(names)} x {reason} ({names[0]})" for reason, names in named.items()]
    found = f"{len(failed)} of {len(records)} requests, {100 * len(failed) / len(records):.2f} %"
    return Check("errors", len(failed) <= slo.error_budget * len(records), found, allowed, reasons)


def find_limits(slos: Mapping[str, Slo], baseline: Sequence[Record], *, shared_machine: bool) -> Iterator[Limit]:
    """Return how slow answers may be: on a shared machine, a multiple of what the same run saw in its baseline."""
    for name, slo in slos.items():
        indicator = slo.indicator
        if not isinstance(indicator, Latency):
            continue
        if not shared_machine:
            seconds = indicator.threshold_ms / 1000
            yield Limit(name, indicator.quantity, seconds, f"{indicator.threshold_ms} ms")
            continue
        measured = list_seconds(baseline, indicator.quantity)
        multiple = f"{indicator.baseline_multiple:g} x the baseline's median"
        if len(measured) < FEWEST_IN_BASELINE:
            # Not a number: nothing is fast enough.
            yield Limit(name, indicator.quantity, math.nan, f"{multiple}, which at least {FEWEST_IN_BASELINE} tell")
            continue
        seconds = indicator.baseline_multiple * median(measured)
        words = f"{1000 * seconds:.0f} ms, {multiple} of {1000 * median(measured):.0f} ms ({len(measured)} answers)"
        yield Limit(name, indicator.quantity, seconds, words)


def judge_latency(limit: Limit, slo: Slo, records: Sequence[Record]) -> Check:
    """Check that the share of slow answers is within the error budget, or larger by chance only."""
    check = f"latency: {limit.quantity.replace('_', ' ')}"
    allowed = f"{slo.objective} % within {limit.words} ({limit.slo})"
    measured = list_seconds(records, limit.quantity)
    if not measured:
        return Check(check, False, "no answers after the baseline", allowed)
    if math.isnan(limit.seconds):
        return Check(check, False, f"a baseline of fewer than {FEWEST_IN_BASELINE} answers", allowed)
    slow = sum(seconds > limit.seconds for seconds in measured)
    within = slow <= slo.error_budget * len(measured)
    chance = compute_chance(slow, len(measured), float(slo.error_budget))
    found = f"{slow} of {len(measured)} slower; median {1000 * median(measured):.0f} ms"
    if not within and chance >= CHANCE:
        found += f"; so many come by chance in {100 * chance:.2g} % of runs"
    return Check(check, within or chance >= CHANCE, found, allowed)


def list_seconds(records: Sequence[Record], quantity: str) -> Sequence[float]:
    """Return what was measured of those requests that have it."""
    if quantity == "first_token":
        return [record.first_token_seconds for record in records if record.first_token_seconds is not None]
    whole = [record for record in records if record.outcome is Outcome.FINISHED]
    if quantity == "whole_request":
        return [record.seconds for record in whole]
    return [
        (record.seconds - record.first_token_seconds) / (record.output_tokens - 1)
        for record in whole
        if record.first_token_seconds is not None and record.output_tokens > 1
    ]


def compute_chance(bad: int, total: int, budget: float) -> float:
    """Return how likely at least so many bad events of `total` are if each is bad with the probability `budget`.

    The upper tail of the binomial distribution.
    """
    return min(1.0, sum(math.exp(_log_probability(count, total, budget)) for count in range(bad, total + 1)))


def _log_probability(count: int, total: int, budget: float) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return ways + count * math.log(budget) + (total - count) * math.log1p(-budget)


def find_availability(slos: Mapping[str, Slo]) -> tuple[str, Slo] | None:
    """Return the SLO that errors are judged by."""
    return next(((name, slo) for name, slo in slos.items() if isinstance(slo.indicator, Availability)), None)

"""A verdict for programs: `verdict.json`."""

from __future__ import annotations

from typing import Any

from loadtests.report.tables import APART_HEAD, COUNTS_HEAD, list_apart, list_counts
from loadtests.verdict.verdict import Verdict


def summarise(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as plain values."""
    return {
        "passed": verdict.passed,
        "checks": [
            {
                "name": check.name,
                "passed": check.passed,
                "found": check.found,
                "allowed": check.allowed,
                "details": list(check.details),
            }
            for check in verdict.checks
        ],
        "counts": [dict(zip(COUNTS_HEAD, row, strict=True)) for row in list_counts(verdict)],
        "apart": [dict(zip(APART_HEAD, row, strict=True)) for row in list_apart(verdict)],
    }

"""What may be turned: how fast an error budget may burn, how long a part may be away, and where runbooks are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Severity = Literal["page", "ticket"]
"""Who is told: somebody is woken, or somebody finds it in the morning."""


@dataclass(frozen=True)
class Burn:
    """One pace at which an error budget burns too fast."""

    factor: Decimal
    """How many times faster than a budget that lasts its SLO's window exactly."""
    long: str
    """The window over which it must burn so: long enough to mean something."""
    short: str
    """The window over which it must still burn so: short enough that the alert ends when the burning does."""
    severity: Severity


BURNS = (
    Burn(Decimal("14.4"), "1h", "5m", "page"),
    Burn(Decimal(6), "6h", "30m", "page"),
    Burn(Decimal(3), "1d", "2h", "ticket"),
    Burn(Decimal(1), "3d", "6h", "ticket"),
)
"""The multiwindow, multi-burn-rate alerts of Google's Site Reliability Workbook (chapter "Alerting on SLOs"), meant for
windows of 30 days: they find 2 % of such a budget burnt in 1 hour, 5 % in 6 hours, 10 % in 1 day and 10 % in 3 days."""

JUST_NOW = "1m"
"""The window over which a runbook verifies that errors have ended: too short for an alert, which a lone error would set
off, and long enough for some samples."""

EVALUATED_EVERY: Mapping[str, str] = {"2h": "30s", "6h": "30s", "1d": "2m", "3d": "2m"}
"""How often the error ratio over a window is computed; where nothing is said, as often as Prometheus computes rules.

A long window is read whole each time, which is 51,840 samples of each series for 3 days of samples 5 s apart, and it
hardly changes in 2 minutes. None may wait longer than that: Prometheus takes a sample for the present for 5 minutes, so
that an alert still finds a value where one evaluation failed."""
BUDGET_EVALUATED_EVERY = "2m"
"""How often the rest of a budget is computed: over 30 days that are 518,400 samples of each series."""

DOWN_FOR = "1m"
"""How long replicas may be fewer than wanted: one that is replaced is ready in less, an engine with its model, too."""

RUNBOOK_BASE = "https://git.example.com/faregate/blob/main"
"""Where this repository's files are read in a browser: before the page's path, in an alert's `runbook_url`."""

"""What Prometheus said of each panel."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.layout import Limit, Panel

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Series:
    """One line of a panel."""

    name: str
    values: Sequence[float]
    """One for each moment of the span; NaN where there is none."""
    allowed: bool = False
    """Whether it says what is allowed or wanted, as its query does."""

    @property
    def highest(self) -> float:
        """The highest value; NaN where there is none."""
        return max((value for value in self.values if not math.isnan(value)), default=math.nan)

    def find_latest(self) -> tuple[float, int] | None:
        """Return the latest value, and at how many moments before the span's last one it was; None if there is none."""
        for moments_ago, value in enumerate(reversed(self.values)):
            if not math.isnan(value):
                return value, moments_ago
        return None


@dataclass(frozen=True)
class Reading:
    """A panel, and its series: at least one value in each."""

    panel: Panel
    series: Sequence[Series]


@dataclass(frozen=True)
class RowReading:
    """A row of panels."""

    title: str
    readings: Sequence[Reading]


def is_broken(series: Series, limit: Limit | None) -> bool:
    """Tell whether the latest value of a series is on the wrong side of a limit."""
    latest = series.find_latest()
    return limit is not None and latest is not None and not series.allowed and limit.is_broken(latest[0])


def name_series(legend: str, labels: Mapping[str, str]) -> str:
    """Put labels' values into a legend's template, as Grafana does: nothing where there is no such label.

    What a terminal would obey instead of showing it is written as an escape.
    """
    return make_printable(_LABEL.sub(lambda match: labels.get(match[1], ""), legend))


def make_printable(text: str) -> str:
    """Write characters that a terminal would obey as escapes: a line's end, a change of colour."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )

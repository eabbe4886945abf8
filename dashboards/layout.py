"""What a dashboard consists of: rows of panels, each with its queries to Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

RATE_INTERVAL = "$__rate_interval"
"""Stands in queries for the time over which rates are; Grafana puts one in by itself."""


class Unit(Enum):
    """What a panel's values are counted in."""

    COUNT = auto()
    RATIO = auto()
    """A share, 0 to 1."""
    SECONDS = auto()
    USD = auto()
    USD_PER_HOUR = auto()
    REQUESTS_PER_SECOND = auto()
    ANSWERS_PER_SECOND = auto()
    TOKENS_PER_SECOND = auto()


class Kind(Enum):
    """How a panel's values are read."""

    LINES = auto()
    """Over time."""
    NUMBERS = auto()
    """The newest ones first of all."""


@dataclass(frozen=True)
class Query:
    """One question to Prometheus."""

    expression: str
    """PromQL."""
    legend: str
    """What each series of the answer is called: `{{label}}` stands for a label's value."""
    allowed: bool = False
    """Whether it says what is allowed or wanted, which other series are compared with."""


@dataclass(frozen=True)
class Limit:
    """A value that series must stay below, or that they must reach."""

    value: float
    words: str
    """Where it comes from, or what it means to break it."""
    at_least: bool = False
    """Whether series must reach it; otherwise they must stay below."""

    def is_broken(self, value: float) -> bool:
        """Tell whether a value is on the wrong side: as Grafana colours, the limit itself is its upper side."""
        return value < self.value if self.at_least else value >= self.value


@dataclass(frozen=True)
class Panel:
    """One picture."""

    title: str
    description: str
    """What it means, and what to do about it."""
    unit: Unit
    queries: Sequence[Query]
    kind: Kind = Kind.LINES
    limit: Limit | None = None
    nothing: str = "no data"
    """What it means that Prometheus knows no series."""


@dataclass(frozen=True)
class Row:
    """Panels that answer one question together."""

    title: str
    panels: Sequence[Panel]

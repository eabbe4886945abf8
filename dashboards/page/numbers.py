"""Values as text, in their units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from dashboards.layout import Limit, Unit
from dashboards.page.readings import Series
from dashboards.page.span import Span

SYMBOLS: Mapping[Unit, str] = {
    Unit.COUNT: "",
    Unit.RATIO: "%",
    Unit.SECONDS: "s",
    Unit.USD: "USD",
    Unit.USD_PER_HOUR: "USD/h",
    Unit.REQUESTS_PER_SECOND: "requests/s",
    Unit.ANSWERS_PER_SECOND: "answers/s",
    Unit.TOKENS_PER_SECOND: "tokens/s",
}
"""What follows a value."""

NOTHING = "-"
_SMALLEST, _LARGEST = 1e-12, 1e15
"""Below is nothing but the error of a sum; above nobody counts digits."""


def write_number(value: float, unit: Unit) -> str:
    """Write a value without its unit, to three digits: a share as a percentage, a small one never as a power of ten."""
    scaled = 100 * value if unit is Unit.RATIO else value
    if abs(scaled) >= _LARGEST:
        return f"{scaled:.3g}"
    if abs(scaled) >= 100:
        return f"{scaled:,.0f}"
    if abs(scaled) < _SMALLEST:
        return "0"
    return format(Decimal(f"{scaled:.3g}"), "f")


def write_value(value: float, unit: Unit) -> str:
    """Write a value with its unit; `-` if it is none."""
    if math.isnan(value):
        return NOTHING
    return f"{write_number(value, unit)} {SYMBOLS[unit]}".rstrip()


def write_latest(series: Series, unit: Unit, span: Span) -> str:
    """Write the latest value of a series, and when it was if that is not the end of the span."""
    latest = series.find_latest()
    if latest is None:
        return NOTHING
    value, moments_ago = latest
    if not moments_ago:
        return write_value(value, unit)
    [day, when] = write_moment(span.end - moments_ago * span.step).split()
    [today, _] = write_moment(span.end).split()
    return f"{write_value(value, unit)} at {when if day == today else f'{day} {when}'}"


def write_limit(limit: Limit, unit: Unit) -> str:
    """Write what values must be, and why."""
    return f"{'at least' if limit.at_least else 'less than'} {write_value(limit.value, unit)} ({limit.words})"


def write_moment(moment: int) -> str:
    """Write a Unix time, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"

"""A panel's plot, as SVG that a page can hold: numbers, times and units, and no word that somebody else sent."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dashboards.layout import Kind, Limit, Panel, Unit
from dashboards.page.numbers import SYMBOLS, write_number
from dashboards.page.readings import Reading
from dashboards.page.span import Span

COLORS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b7791f", "#0987a0", "#97266d", "#4a5568")
"""Of the first series, the second, ...; they begin anew when they are used up."""
LIMIT_COLOR = "#c53030"
_INCHES = (5.6, 2.5)


def pick_color(place: int) -> str:
    """Return the colour of the series at a place, counted from 0."""
    return COLORS[place % len(COLORS)]


def find_line(panel: Panel) -> Limit | None:
    """Return the limit that a panel's plot has a line of: beside a number, colour tells it."""
    return panel.limit if panel.kind is Kind.LINES else None


def draw_plot(reading: Reading, span: Span) -> str:
    """Return the SVG element, without the XML declaration that a page can't hold."""
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    times = [datetime.fromtimestamp(moment, UTC) for moment in span.moments]
    for place, series in enumerate(reading.series):
        axes.plot(
            times,  # type: ignore[arg-type] # matplotlib takes datetimes
            series.values,
            color=pick_color(place),
            linewidth=1.4,
            linestyle="--" if series.allowed else "-",
            zorder=3 if series.allowed else 2,  # dashes over what reaches them
            marker="." if (alone := _find_alone(series.values)) else "",
            markevery=alone or None,
        )
    if limit := find_line(reading.panel):
        axes.axhline(limit.value, color=LIMIT_COLOR, linewidth=1, linestyle=":")
    _scale(axes, reading)
    axes.set_xlim(times[0], times[-1])  # type: ignore[arg-type] # here, too
    locator = AutoDateLocator(tz=UTC, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = written.getvalue()
    return text[text.index("<svg") :]


def _find_alone(values: Sequence[float]) -> list[int]:
    """Return the places of values between two gaps: a line would not show them."""
    padded = (math.nan, *values, math.nan)
    return [
        place
        for place, value in enumerate(values)
        if not math.isnan(value) and math.isnan(padded[place]) and math.isnan(padded[place + 2])
    ]


def _scale(axes: Axes, reading: Reading) -> None:
    """Show zero, all values and the limit, in the panel's unit."""
    unit = reading.panel.unit
    shown = [value for series in reading.series for value in series.values if not math.isnan(value)]
    if limit := find_line(reading.panel):
        shown.append(limit.value)
    lowest, highest = min((0.0, *shown)), max((0.0, *shown))
    room = 0.08 * (highest - lowest) or 1.0
    axes.set_ylim(lowest - (room if lowest < 0 else 0), highest + room)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=unit is Unit.COUNT))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write_number(value, unit)))
    axes.set_ylabel(SYMBOLS[unit])

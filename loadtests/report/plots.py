"""The plots of a run's page, each as SVG that a page can hold."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.records import Outcome, Record
from loadtests.verdict.verdict import Verdict

_INCHES = (9, 3.2)
_COLORS = {
    Outcome.FINISHED: "#2b6cb0",
    Outcome.LEFT: "#8a8f98",
    Outcome.CUT: "#c05621",
    Outcome.BROKEN: "#c53030",
    Outcome.REFUSED: "#97266d",
    Outcome.UNREACHED: "#1a202c",
}


def draw_first_tokens(verdict: Verdict) -> str:
    """Draw when each first token came, over the run."""

    def draw(axes: Axes) -> None:
        began = _find_beginning(verdict)
        for outcome, records in _group(verdict.evidence.records):
            timed = [record for record in records if record.first_token_seconds is not None]
            axes.scatter(
                [record.begun - began for record in timed],
                [1000 * (record.first_token_seconds or 0) for record in timed],
                s=14,
                color=_COLORS[outcome],
                label=str(outcome),
            )
        for limit in verdict.limits:
            if limit.quantity == "first_token":
                axes.axhline(1000 * limit.seconds, color="#c53030", linewidth=1, label=f"limit: {limit.slo}")
        axes.axvspan(0, verdict.evidence.baseline_ended - began, color="#edf2f7", zorder=0, label="baseline")
        axes.set(xlabel="seconds since the first request", ylabel="first token, ms")
        axes.set_ylim(bottom=0)

    return _draw(draw)


def draw_share(verdict: Verdict) -> str:
    """Draw which share of first tokens came within which time: in the baseline, and after it."""

    def draw(axes: Axes) -> None:
        ended = verdict.evidence.baseline_ended
        parts = {"baseline": (0.0, ended), "after it": (ended, math.inf)}
        for label, (begin, end) in parts.items():
            times = [
                1000 * record.first_token_seconds
                for record in verdict.evidence.records
                if record.first_token_seconds is not None and begin <= record.begun < end
            ]
            if times:
                axes.ecdf(times, label=f"{label} ({len(times)})")
        axes.set(xlabel="first token, ms", ylabel="share of answers")
        axes.set_xlim(left=0)

    return _draw(draw)


def draw_counts(verdict: Verdict) -> str:
    """Draw the three counts of each request's output."""

    def draw(axes: Axes) -> None:
        cases = sorted((*verdict.cases.finished, *verdict.cases.apart), key=lambda case: case.record.begun)
        places = range(1, len(cases) + 1)
        axes.bar(places, [case.record.output_tokens for case in cases], color="#bee3f8", label="client")
        rows = [(place, case.row) for place, case in zip(places, cases, strict=True) if case.row is not None]
        engine = [(place, row.engine_output_tokens) for place, row in rows if row.engine_output_tokens is not None]
        ledger = [(place, row.output_tokens) for place, row in rows if row.output_tokens is not None]
        for counts, marker, label in ((engine, "_", "engine"), (ledger, "x", "ledger")):
            axes.scatter(
                [place for place, _ in counts], [count for _, count in counts], s=18, marker=marker, label=label
            )
        axes.set(xlabel="request", ylabel="output tokens")

    return _draw(draw)


def _find_beginning(verdict: Verdict) -> float:
    return min((record.begun for record in verdict.evidence.records), default=verdict.evidence.baseline_ended)


def _group(records: Sequence[Record]) -> list[tuple[Outcome, list[Record]]]:
    grouped = [(outcome, [record for record in records if record.outcome is outcome]) for outcome in Outcome]
    return [(outcome, found) for outcome, found in grouped if found]


def _draw(draw: Callable[[Axes], None]) -> str:
    """Return the SVG element, without the XML declaration that a page can't hold."""
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]

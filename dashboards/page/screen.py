"""The page in short, in the terminal: how far reading is, and the latest values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from dashboards.layout import Row
from dashboards.page.numbers import NOTHING, write_latest, write_limit
from dashboards.page.readings import Reading, RowReading, is_broken
from dashboards.page.span import Span


def make_console() -> Console:
    """Return what is printed on; where nobody's terminal sets a width, lines are as wide as what is printed."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def follow(rows: Sequence[Row], console: Console) -> Iterator[Row]:
    """Yield rows, and tell how many are done: a bar on a terminal, else a line for each."""
    if console.is_terminal:
        yield from track(rows, "Reading Prometheus", console=console, transient=True)
        return
    for row in rows:
        yield row
        console.print(Text(f"read: {row.title}, {len(row.panels)} panels"))


def show_latest(rows: Sequence[RowReading], span: Span, page: Path, console: Console) -> None:
    """Print the latest value of every series, and where the page is. Cells are no markup: others named some of them."""
    table = Table(title="Latest values; times are UTC", title_justify="left")
    for head in ("panel", "series", "latest", "limit"):
        table.add_column(head, overflow="fold")
    for row in rows:
        for reading in row.readings:
            for cells in _list_cells(reading, span):
                table.add_row(*cells)
        table.add_section()
    console.print(table)
    console.print(f"page: {page}", markup=False, highlight=False, soft_wrap=True)


def _list_cells(reading: Reading, span: Span) -> Iterator[tuple[Text, ...]]:
    panel = reading.panel
    limit = write_limit(panel.limit, panel.unit) if panel.limit else ""
    if not reading.series:
        yield Text(panel.title), Text(NOTHING), Text(panel.nothing, "dim"), Text(limit)
    for place, series in enumerate(reading.series):
        latest = Text(write_latest(series, panel.unit, span))
        if is_broken(series, panel.limit):
            latest.append(" (!)")
            latest.stylize("red")
        # What holds for the whole panel is said once.
        title, allowed = ("", "") if place else (panel.title, limit)
        yield Text(title), Text(series.name), latest, Text(allowed)

"""The page: one file that needs no other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contract.outputs import Outputs
from dashboards.layout import Kind
from dashboards.page.numbers import write_latest, write_limit, write_moment, write_value
from dashboards.page.plots import LIMIT_COLOR, draw_plot, find_line, pick_color
from dashboards.page.readings import RowReading, is_broken
from dashboards.page.span import Span
from dashboards.panels import TITLE

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(rows: Sequence[RowReading], outputs: Outputs, span: Span) -> str:
    """Return the text of the page."""
    return _TEMPLATES.get_template("page.html.j2").render(
        title=TITLE,
        outputs=outputs,
        span=span,
        rows=rows,
        kinds=Kind,
        limit_color=LIMIT_COLOR,
        # Drawn here, from numbers.
        draw_plot=lambda reading: Markup(draw_plot(reading, span)),  # noqa: S704
        find_line=find_line,
        is_broken=is_broken,
        pick_color=pick_color,
        write_latest=write_latest,
        write_limit=write_limit,
        write_moment=write_moment,
        write_value=write_value,
    )


def write_page(text: str, folder: Path) -> Path:
    """Put the page into a folder that may not exist yet; return its path. Nobody ever reads half of it.

    Raises:
        OSError: it can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "page.html"
    begun = folder / f".page-{os.getpid()}.html"
    try:
        begun.write_text(text, encoding="utf-8")
        begun.replace(page)
    finally:
        begun.unlink(missing_ok=True)
    return page

"""A verdict as a page: one file that needs no other."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadtests.report.plots import draw_counts, draw_first_tokens, draw_share
from loadtests.report.tables import APART_HEAD, COUNTS_HEAD, list_apart, list_counts
from loadtests.verdict.verdict import Verdict

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def write_page(verdict: Verdict, title: str, path: Path) -> None:
    """Write the page of a run."""
    plots = (
        ("When the first token came", draw_first_tokens(verdict)),
        ("How many first tokens came within which time", draw_share(verdict)),
        ("Output tokens of each request, counted three times", draw_counts(verdict)),
    )
    text = _TEMPLATES.get_template("page.html.j2").render(
        title=title,
        passed=verdict.passed,
        checks=verdict.checks,
        counts=(COUNTS_HEAD, list_counts(verdict)),
        apart=(APART_HEAD, list_apart(verdict)),
        plots=[(heading, Markup(svg)) for heading, svg in plots],  # noqa: S704  # drawn here, from numbers
    )
    path.write_text(text)

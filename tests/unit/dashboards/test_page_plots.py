"""A plot shows what was measured and nothing in between, in the panel's unit, with no word that somebody else sent."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dashboards.layout import Kind, Limit, Panel, Query, Unit
from dashboards.page.plots import COLORS, LIMIT_COLOR, draw_plot, pick_color
from dashboards.page.readings import Reading, Series
from dashboards.page.span import Span

SPAN = Span(begin=1_800_000_000, end=1_800_000_050, step=10)
EVIL = "</svg><script>alert(1)</script> $x^{2$ _hidden"
GAP = math.nan


def draw(
    *values: Sequence[float],
    unit: Unit = Unit.SECONDS,
    kind: Kind = Kind.LINES,
    limit: Limit | None = None,
    allowed: bool = False,
) -> ET.Element:
    """Return the SVG of series with such values."""
    panel = Panel("Title", "Description.", unit, (Query("query", EVIL, allowed),), kind, limit)
    text = draw_plot(Reading(panel, [Series(EVIL, line, allowed) for line in values]), SPAN)
    assert text.startswith("<svg")
    return ET.fromstring(text)  # noqa: S314  # drawn here


def list_elements(svg: ET.Element, tag: str, color: str) -> list[ET.Element]:
    return [
        element
        for element in svg.iter(f"{{http://www.w3.org/2000/svg}}{tag}")
        if f"stroke: {color}" in element.get("style", "")
    ]


def list_texts(svg: ET.Element) -> list[str]:
    return ["".join(element.itertext()).strip() for element in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_each_series_is_a_line_of_its_own_color() -> None:
    svg = draw([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])
    assert [len(list_elements(svg, "path", color)) for color in COLORS[:3]] == [1, 1, 0]


def test_colors_begin_anew_when_they_are_used_up() -> None:
    assert pick_color(len(COLORS)) == pick_color(0)
    assert len({pick_color(place) for place in range(len(COLORS))}) == len(COLORS)
    draw(*([place, 1, 2, 3, 4, 5] for place in range(2 * len(COLORS))))


def test_a_gap_is_no_line() -> None:
    [whole] = list_elements(draw([1, 2, 3, 3, 2, 1]), "path", COLORS[0])
    [torn] = list_elements(draw([1, 2, GAP, 3, 2, 1]), "path", COLORS[0])
    assert whole.get("d", "").count("M") == 1
    assert torn.get("d", "").count("M") == 2


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ([1, GAP, 2, GAP, 3, 4], 2),
        ([GAP, GAP, GAP, GAP, GAP, 5], 1),
        ([1, 2, GAP, GAP, 3, 4], 0),
    ],
)
def test_a_value_between_gaps_is_a_point(values: list[float], points: int) -> None:
    svg = draw(values)
    assert len(list_elements(svg, "use", COLORS[0])) == points


def test_time_goes_from_the_span_s_first_moment_to_its_last() -> None:
    [early] = list_elements(draw([1, 2, GAP, GAP, GAP, GAP]), "path", COLORS[0])
    [late] = list_elements(draw([GAP, GAP, GAP, GAP, 1, 2]), "path", COLORS[0])

    def list_places(path: ET.Element) -> list[float]:
        return [float(place) for place in re.findall(r"[ML] ([\d.]+) ", path.get("d", ""))]

    assert max(list_places(early)) < min(list_places(late))
    # Six moments are five steps: two of the same length stand at either end of a line that is five of them long.
    width = list_places(early)[1] - list_places(early)[0]
    assert list_places(late)[1] - list_places(early)[0] == pytest.approx(5 * width, rel=0.01)


def test_what_is_allowed_is_dashed() -> None:
    [dashed] = list_elements(draw([1] * 6, allowed=True), "path", COLORS[0])
    [plain] = list_elements(draw([1] * 6), "path", COLORS[0])
    assert "stroke-dasharray" in dashed.get("style", "")
    assert "stroke-dasharray" not in plain.get("style", "")


def test_a_limit_is_a_line_and_in_sight() -> None:
    svg = draw([0.1] * 6, limit=Limit(2, EVIL))
    assert len(list_elements(svg, "path", LIMIT_COLOR)) == 1
    assert "2" in list_texts(svg)


def test_a_limit_beside_numbers_is_no_line() -> None:
    svg = draw([0.1] * 6, limit=Limit(2, EVIL), kind=Kind.NUMBERS)
    assert list_elements(svg, "path", LIMIT_COLOR) == []
    assert "2" not in list_texts(svg)


@pytest.mark.parametrize(
    ("unit", "value", "texts"),
    [
        (Unit.RATIO, 0.5, {"0", "50", "%"}),
        (Unit.SECONDS, 0.2, {"0", "0.2", "s"}),
        (Unit.USD, 4e-06, {"0", "0.000004", "USD"}),
        (Unit.COUNT, 2, {"0", "1", "2"}),
    ],
)
def test_the_axis_shows_zero_and_values_in_their_unit(unit: Unit, value: float, texts: set[str]) -> None:
    assert texts <= set(list_texts(draw([value] * 6, unit=unit)))


@pytest.mark.parametrize("value", [-0.5, 0.5])
def test_a_line_does_not_lie_on_the_edge_of_the_plot(value: float) -> None:
    svg = draw([value] * 6, unit=Unit.RATIO)

    def list_heights(color: str) -> list[float]:
        lines = [line.get("d", "") for line in list_elements(svg, "path", color)]
        # What begins at 0, 0 is a mark, which is put elsewhere.
        return [
            float(height)
            for line in lines
            if not line.startswith("M 0 0")
            for height in re.findall(r"[ML] [\d.]+ ([\d.]+)", line)
        ]

    # Black are the axes.
    assert min(list_heights("#000000")) + 3 < min(list_heights(COLORS[0]))
    assert max(list_heights(COLORS[0])) < max(list_heights("#000000")) - 3


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-300, 1e300])
@pytest.mark.parametrize("unit", Unit)
def test_whatever_the_value_it_is_drawn(unit: Unit, value: float) -> None:
    assert list_texts(draw([value] * 6, unit=unit))


def test_a_count_has_no_halves() -> None:
    assert "0.5" not in list_texts(draw([0, 1, 0, 1, 0, 1], unit=Unit.COUNT))


def test_times_are_utc() -> None:
    # 1,800,000,000 is 08:00:00 UTC.
    assert any(text.startswith("08:00") for text in list_texts(draw([1] * 6)))


def test_no_word_that_somebody_sent_is_in_a_plot() -> None:
    svg = draw([1] * 6, [2] * 6, limit=Limit(2, EVIL))
    everything = ET.tostring(svg, encoding="unicode")
    assert "script" not in everything
    assert "hidden" not in everything


def test_nothing_keeps_the_plots() -> None:
    program = "import dashboards.page.__main__, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])

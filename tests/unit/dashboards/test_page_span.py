"""A page shows the last minutes, at as many moments as can be seen, and leaves no sample out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dashboards.page.span import MOST_POINTS, SCRAPE_SECONDS, Span, choose_span

WORKLOADS = Path(__file__).parents[3] / "playbooks" / "workloads.yml"
NOW = 1_800_000_123.7
LENGTHS = pytest.mark.parametrize("minutes", [1, 2, 24, 25, 26, 60, 61, 1440, 43200])


@LENGTHS
def test_all_minutes_are_shown_up_to_now(minutes: int) -> None:
    span = choose_span(minutes, NOW)
    assert span.end <= NOW < span.end + span.step
    assert 60 * minutes - span.step < span.end - span.begin <= 60 * minutes
    assert (span.moments[0], span.moments[-1]) == (span.begin, span.end)


@LENGTHS
def test_there_are_as_many_moments_as_can_be_seen(minutes: int) -> None:
    span = choose_span(minutes, NOW)
    assert len(span.moments) <= MOST_POINTS
    # Fewer only where nothing was measured in between.
    assert span.step == SCRAPE_SECONDS or len(span.moments) > 0.8 * MOST_POINTS


@LENGTHS
def test_pages_of_the_same_length_show_the_same_moments(minutes: int) -> None:
    span, later = choose_span(minutes, NOW), choose_span(minutes, NOW + 33)
    assert span.begin % span.step == 0
    assert (later.begin - span.begin) % span.step == 0


@pytest.mark.parametrize(("step", "seconds"), [(5, 20), (15, 20), (16, 21), (300, 305)])
def test_rates_are_over_what_grafana_takes(step: int, seconds: int) -> None:
    assert Span(0, 3600, step).rate_seconds == seconds


def test_prometheus_reads_metrics_as_often_as_is_assumed() -> None:
    assert yaml.safe_load(WORKLOADS.read_text())["scrape_seconds"] == SCRAPE_SECONDS

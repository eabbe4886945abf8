"""Prometheus is asked for the panel's queries; what it says becomes series, and what is no answer is told."""

from __future__ import annotations

import http.server
import json
import math
import socket
import threading
from collections.abc import Sequence

import pytest

from dashboards.layout import RATE_INTERVAL, Panel, Query, Unit
from dashboards.page.prometheus import Prometheus, Unanswered
from dashboards.page.readings import name_series
from dashboards.page.span import Span
from tests.loopback import serve
from tests.unit.dashboards.fake_prometheus import Answer, FakePrometheus

SPAN = Span(begin=1_800_000_000, end=1_800_000_100, step=25)
RATE = Query(f"sum by (model) (rate(tokens_total[{RATE_INTERVAL}]))", "{{model}}")
WANTED = Query("wanted", "{{model}}: wanted", allowed=True)
PANEL = Panel("Tokens", "Tokens.", Unit.TOKENS_PER_SECOND, (RATE, WANTED))
ASKED = "sum by (model) (rate(tokens_total[30s]))"


def refuse(prometheus: FakePrometheus) -> str:
    with pytest.raises(Unanswered) as unanswered:
        Prometheus(prometheus.url).read(PANEL, SPAN)
    text = str(unanswered.value)
    began = f"Prometheus at {prometheus.url}: panel Tokens: query {ASKED}: "
    assert text.startswith(began)
    assert "\n" not in text
    return text.removeprefix(began)


def list_values(values: Sequence[float]) -> list[float | None]:
    """Return values, with None for gaps: NaN is not equal to itself."""
    return [None if math.isnan(value) else value for value in values]


def test_every_query_is_asked_for_the_span_with_rates_over_its_time(prometheus: FakePrometheus) -> None:
    Prometheus(prometheus.url).read(PANEL, SPAN)
    told = {"start": str(SPAN.begin), "end": str(SPAN.end), "step": "25"}
    assert prometheus.asked == [{"query": ASKED, **told}, {"query": "wanted", **told}]


def test_answers_become_series_in_the_order_of_queries_and_names(prometheus: FakePrometheus) -> None:
    prometheus.answers = {
        "tokens": [Answer({"model": name}, ["1", "2.5", "3", "4", "5"]) for name in ("tiny", "large")],
        "wanted": [Answer({"model": "tiny"}, ["2"] * 5)],
    }
    reading = Prometheus(prometheus.url).read(PANEL, SPAN)
    assert reading.panel is PANEL
    assert [(series.name, series.allowed) for series in reading.series] == [
        ("large", False),
        ("tiny", False),
        ("tiny: wanted", True),
    ]
    assert list_values(reading.series[0].values) == [1, 2.5, 3, 4, 5]


def test_what_is_missing_or_no_number_is_a_gap(prometheus: FakePrometheus) -> None:
    prometheus.answers = {"tokens": [Answer({}, ["1", None, "NaN", "+Inf", "-Inf"])]}
    [series] = Prometheus(prometheus.url).read(PANEL, SPAN).series
    assert list_values(series.values) == [1, None, None, None, None]
    assert series.find_latest() == (1, 4)


def test_a_series_that_begins_late_is_put_where_it_begins(prometheus: FakePrometheus) -> None:
    prometheus.answers = {"tokens": [Answer({}, ["7", "8"])]}
    [series] = Prometheus(prometheus.url).read(PANEL, SPAN).series
    assert list_values(series.values) == [None, None, None, 7, 8]
    assert series.find_latest() == (8, 0)


@pytest.mark.parametrize("values", [["NaN"] * 5, ["+Inf"], [None]])
def test_a_series_without_a_number_is_none(prometheus: FakePrometheus, values: list[str | None]) -> None:
    prometheus.answers = {"tokens": [Answer({"model": "tiny"}, values)]}
    assert Prometheus(prometheus.url).read(PANEL, SPAN).series == []


@pytest.mark.parametrize(
    ("legend", "name"),
    [
        ("all", "all"),
        ("{{model}}", "tiny"),
        ("{{ model }}: {{job}}", "tiny: engine"),
        ("{{other}}: up", ": up"),
        ("{model}", "{model}"),
        ("{{evil}}", "{{model}}"),
    ],
)
def test_series_are_named_as_grafana_names_them(legend: str, name: str) -> None:
    assert name_series(legend, {"model": "tiny", "job": "engine", "evil": "{{model}}"}) == name


def test_what_a_terminal_would_obey_is_written_as_an_escape() -> None:
    assert name_series("{{model}}", {"model": "a\x1b[31m\nb\u202ec\x9bé"}) == "a\\x1b[31m\\nb\\u202ec\\x9bé"


# ---- no answer


def test_a_query_that_is_refused_is_told_with_prometheus_words(prometheus: FakePrometheus) -> None:
    prometheus.status = 400
    prometheus.body = json.dumps(
        {"status": "error", "errorType": "bad_data", "error": 'parse error:\nunexpected "}"'}
    ).encode()
    assert refuse(prometheus) == 'refused: parse error:\\nunexpected "}"'


@pytest.mark.parametrize("status", [404, 422, 500, 502, 503])
@pytest.mark.parametrize("body", [b"<html>no</html>", b"[]", b'{"status": "error"}', b"\xff"])
def test_a_refusal_without_words_is_told_with_its_status(prometheus: FakePrometheus, status: int, body: bytes) -> None:
    prometheus.status, prometheus.body = status, body
    assert refuse(prometheus) == f"refused: HTTP status {status}"
    assert len(prometheus.asked) == 1, "nobody waits for further attempts"


def _write(result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"result": result}}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>welcome</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"data": null}',
        b'{"data": {}}',
        _write(None),
        _write(3),
        _write("words"),
        _write([1_800_000_000, "1"]),
        _write([{}]),
        _write([{"metric": {}}]),
        _write([{"metric": {}, "values": None}]),
        _write([{"metric": [], "values": [[SPAN.begin, "1"]]}]),
        _write([{"metric": {"model": 3}, "values": [[SPAN.begin, "1"]]}]),
        _write([{"metric": {}, "values": [[SPAN.begin]]}]),
        _write([{"metric": {}, "values": [[SPAN.begin, "many"]]}]),
        _write([{"metric": {}, "values": [[SPAN.begin, None]]}]),
        _write([{"metric": {}, "values": [["now", "1"]]}]),
        b'{"data": {"result": [{"metric": {}, "values": [[1e999, "1"]]}]}}',
        # Between two moments, before and after all of them.
        _write([{"metric": {}, "values": [[SPAN.begin + 1, "1"]]}]),
        _write([{"metric": {}, "values": [[SPAN.begin - SPAN.step, "1"]]}]),
        _write([{"metric": {}, "values": [[SPAN.end + SPAN.step, "1"]]}]),
    ],
)
def test_an_answer_that_makes_no_sense_is_told(prometheus: FakePrometheus, body: bytes) -> None:
    prometheus.body = body
    assert refuse(prometheus) == "an answer that is not Prometheus'"


def test_a_prometheus_that_is_away_is_told() -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else gets the port, and nobody answers on it.
        bound.bind(("127.0.0.1", 0))
        away = FakePrometheus(url=f"http://127.0.0.1:{bound.getsockname()[1]}")
        assert refuse(away) == "it can't be reached: is the environment up?"


def test_a_prometheus_that_hangs_is_told() -> None:
    released = threading.Event()

    class Hanging(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            released.wait()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with serve(Hanging) as url:
        try:
            with pytest.raises(Unanswered, match=r"no answer within 0\.1 s$"):
                Prometheus(url, timeout_seconds=0.1).read(PANEL, SPAN)
        finally:
            released.set()


def test_the_query_that_has_no_answer_is_the_one_that_is_named(prometheus: FakePrometheus) -> None:
    prometheus.answers = {"wanted": [Answer({}, ["many"])]}
    with pytest.raises(Unanswered, match=r"panel Tokens: query wanted: an answer that is not Prometheus'$"):
        Prometheus(prometheus.url).read(PANEL, SPAN)

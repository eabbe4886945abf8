"""Prometheus is asked for this moment; whatever is wrong with it is one sentence."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator

import pytest

from runbooks import prometheus
from runbooks.prometheus import Prometheus, PrometheusUnusable, Sample

from . import fake_prometheus
from .fake_prometheus import run_prometheus, sample


@pytest.fixture
def fake() -> Iterator[fake_prometheus.Prometheus]:
    with run_prometheus() as running:
        yield running


def refuse(url: str) -> str:
    with pytest.raises(PrometheusUnusable) as caught:
        Prometheus(url).ask("water")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_samples_come_in_the_order_of_their_labels(fake: fake_prometheus.Prometheus) -> None:
    fake.answers["water"] = [[sample(2, pool="b"), sample(1.5, pool="a"), sample(math.inf)]]

    assert Prometheus(fake.url).ask("water") == [
        Sample({}, math.inf),
        Sample({"pool": "a"}, 1.5),
        Sample({"pool": "b"}, 2),
    ]


def test_a_query_reaches_it_as_it_is(fake: fake_prometheus.Prometheus) -> None:
    query = 'sum(rate(water{pool=~"a|b"}[5m])) / 2 > 1 & é\nor x'
    assert Prometheus(fake.url).ask(query) == []
    assert fake.asked == [query]


def test_a_number_is_a_sample_without_labels(fake: fake_prometheus.Prometheus) -> None:
    fake.answers["water"] = [[1_000_000.5, "3"]]
    assert Prometheus(fake.url).ask("water") == [Sample({}, 3)]


def test_one_that_is_away_is_said_to_be() -> None:
    with run_prometheus() as gone:
        pass
    assert refuse(gone.url) == f"Prometheus at {gone.url}: not reached"


def test_a_query_that_it_refuses_is_told_with_its_words(fake: fake_prometheus.Prometheus) -> None:
    fake.status = 400
    fake.answers["water"] = [b'{"status":"error","error":"parse error"}']
    told = refuse(fake.url)
    assert told.startswith(f"Prometheus at {fake.url}: ")
    assert "400" in told
    assert "parse error" in told


def test_one_that_is_not_ready_is_asked_once(fake: fake_prometheus.Prometheus) -> None:
    fake.status = 503
    assert "503" in refuse(fake.url)
    assert fake.asked == ["water"], "whoever asks decides whether to ask again"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"data": 3}', b'{"data": {}}'])
def test_something_else_at_its_address_is_said_to_be_none(fake: fake_prometheus.Prometheus, body: bytes) -> None:
    fake.answers["water"] = [body]
    assert refuse(fake.url) == f"Prometheus at {fake.url}: an answer that is not Prometheus'"


@pytest.mark.parametrize(
    "result",
    [
        [{"metric": {}, "values": [[1, "2"]]}],
        [{"metric": {}, "value": [1]}],
        [{"metric": {}, "value": [1, "x"]}],
        [{"metric": 3, "value": [1, "2"]}],
        [1.5, "text"],
        "text",
        3,
    ],
)
def test_values_of_more_than_this_moment_are_refused(fake: fake_prometheus.Prometheus, result: object) -> None:
    fake.answers["water"] = [result]
    assert refuse(fake.url) == f"Prometheus at {fake.url}: no values of this moment were answered to `water`"


def test_one_that_hangs_is_told_apart_from_one_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # it accepts and never answers
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert refuse(url) == f"Prometheus at {url}: no answer within 0.2 s"

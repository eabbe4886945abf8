"""What engines did during a run is what their counters rose by, once Prometheus has scraped all of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.evidence.engines import EngineCounts, Engines, increase_since
from loadtests.evidence.missing import EvidenceMissing
from tests.unit.loadtests.fake_prometheus import MODEL, Engine, Prometheus, run_prometheus
from tests.unit.offline.conftest import find_closed_port

# ---- counters


def test_a_counter_rose_from_its_last_sample_before_the_run() -> None:
    assert increase_since([(1, 10), (2, 15), (3, 18), (4, 40)], begun=2) == 25


def test_an_engine_that_is_new_in_the_run_began_at_zero() -> None:
    assert increase_since([(3, 7), (4, 9)], begun=2) == 9


def test_a_counter_that_falls_has_begun_anew_at_zero() -> None:
    assert increase_since([(1, 10), (3, 14), (4, 3), (5, 4)], begun=2) == 4 + 4


def test_a_counter_that_stays_rose_by_nothing() -> None:
    assert increase_since([(1, 10), (3, 10), (4, 10)], begun=2) == 0


def test_an_engine_that_was_gone_before_the_run_did_nothing_in_it() -> None:
    assert increase_since([(1, 10), (2, 15)], begun=2) == 0
    assert increase_since([], begun=2) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30), st.integers(-1, 31))
def test_an_increase_is_what_the_engine_did(steps: list[tuple[int, bool]], begun: int) -> None:
    """Each step: what the engine does until the next scrape, and whether it starts anew before that."""
    value, done = 0, 0
    samples: list[tuple[float, float]] = []
    for moment, (does, restarts) in enumerate(steps):
        # Whoever starts anew and does at least as much as before can't be told from one who went on.
        value = does if restarts and does < value else value + does
        done += does if moment > begun else 0
        samples.append((moment, value))
    assert increase_since(samples, begun) == done


# ---- Prometheus


@pytest.fixture
def prometheus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prometheus]:
    """Return a Prometheus that scrapes whenever somebody waits."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with run_prometheus() as prometheus:
        prometheus.engines = {"a:8000": Engine(100, 200, 50), "b:8000": Engine(1_000, 2_000, 500)}
        prometheus.scrape()
        monkeypatch.setattr(time, "sleep", lambda _: prometheus.scrape())
        yield prometheus


@pytest.fixture
def engines(prometheus: Prometheus) -> Engines:
    return Engines(prometheus.url, MODEL, "llama.cpp")


Work = Callable[[str, int, int, int], None]


@pytest.fixture
def work(prometheus: Prometheus) -> Work:
    def work(address: str, outputs: int, inputs: int, cached: int) -> None:
        engine = prometheus.engines[address]
        engine.output_tokens += outputs
        engine.input_tokens += inputs
        engine.cached_input_tokens += cached

    return work


def test_the_engines_did_what_all_of_them_did_since_the_run_began(
    prometheus: Prometheus, engines: Engines, work: Work
) -> None:
    begun = engines.begin()
    work("a:8000", 7, 20, 3)
    prometheus.scrape()
    work("a:8000", 1, 0, 0)
    work("b:8000", 10, 30, 5)
    assert engines.count(begun) == EngineCounts(50, 8, 18, engines=2, lost=[])


def test_what_was_done_before_a_run_and_not_scraped_yet_is_none_of_it(engines: Engines, work: Work) -> None:
    work("a:8000", 500, 500, 500)
    begun = engines.begin()
    work("a:8000", 2, 0, 0)
    assert engines.count(begun).output_tokens == 2


def test_a_run_begins_once_every_engine_has_been_scraped(prometheus: Prometheus, engines: Engines) -> None:
    before = prometheus.now
    assert engines.begin() > before
    assert all(samples[-1][0] > before for samples in prometheus.samples.values())


def test_counts_wait_for_the_next_scrape(prometheus: Prometheus, engines: Engines, work: Work) -> None:
    begun = engines.begin()
    prometheus.scrape()
    work("b:8000", 3, 0, 0)  # after the last scrape that there is
    assert engines.count(begun).output_tokens == 3


def test_an_engine_that_started_in_the_run_counts_from_zero(prometheus: Prometheus, engines: Engines) -> None:
    begun = engines.begin()
    prometheus.engines["c:8000"] = Engine(12, 8, 4)
    assert engines.count(begun) == EngineCounts(8, 4, 12, engines=3, lost=[])


def test_an_engine_that_started_anew_in_the_run_loses_nothing_that_was_scraped(
    prometheus: Prometheus, engines: Engines, work: Work
) -> None:
    begun = engines.begin()
    work("a:8000", 9, 0, 0)
    prometheus.scrape()
    prometheus.engines["a:8000"] = Engine(5, 0, 0)
    assert engines.count(begun).output_tokens == 14


@pytest.mark.parametrize("removed", [True, False])
def test_an_engine_that_is_gone_at_the_end_is_lost_and_what_was_scraped_of_it_counts(
    prometheus: Prometheus, engines: Engines, work: Work, removed: bool
) -> None:
    begun = engines.begin()
    work("a:8000", 9, 0, 0)
    prometheus.scrape()
    if removed:
        del prometheus.engines["a:8000"]
    else:
        prometheus.engines["a:8000"].up = False
    counts = engines.count(begun)
    assert (counts.output_tokens, counts.engines, counts.lost) == (9, 2, ["a:8000"])


def test_an_engine_that_was_gone_before_the_run_is_not_lost_in_it(prometheus: Prometheus, engines: Engines) -> None:
    prometheus.engines["a:8000"].up = False
    prometheus.scrape()
    begun = engines.begin()
    counts = engines.count(begun)
    assert (counts.engines, counts.lost) == (1, [])


@pytest.mark.parametrize("seconds", [30, 4_000])
def test_a_long_run_is_counted_from_its_beginning(
    prometheus: Prometheus, engines: Engines, work: Work, seconds: int
) -> None:
    begun = engines.begin()
    work("a:8000", 9, 0, 0)
    prometheus.scrape(seconds)
    work("a:8000", 1, 0, 0)
    assert engines.count(begun).output_tokens == 10


def test_where_no_engine_is_up_nothing_can_be_counted(prometheus: Prometheus, engines: Engines) -> None:
    for engine in prometheus.engines.values():
        engine.up = False
    prometheus.scrape()
    with pytest.raises(EvidenceMissing) as missing:
        engines.wait_for_scrape(patience_seconds=0)
    assert str(missing.value) == (
        f'Prometheus at {prometheus.url}: no engine {{job="engine",model="{MODEL}"}} is up within 0 s'
    )


def test_an_engine_that_is_up_and_never_says_what_it_counts_is_named(prometheus: Prometheus, engines: Engines) -> None:
    prometheus.engines["c:8000"] = Engine(counts=False)
    prometheus.scrape()
    with pytest.raises(EvidenceMissing) as missing:
        engines.wait_for_scrape(patience_seconds=0.1)
    assert str(missing.value) == f"Prometheus at {prometheus.url}: no new scrape of c:8000 within 0 s"


def test_an_engine_that_is_not_scraped_any_more_is_waited_for(prometheus: Prometheus, engines: Engines) -> None:
    prometheus.engines["b:8000"].known = False
    with pytest.raises(EvidenceMissing, match="no new scrape of b:8000 within"):
        engines.wait_for_scrape(patience_seconds=0.1)


def test_an_engine_of_which_nobody_knows_what_it_counts_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(EvidenceMissing, match=r"^the engines' counts: vllm is not known to count; known: llama\.cpp$"):
        Engines("http://127.0.0.1:1", MODEL, "vllm")


def test_a_prometheus_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    url = f"http://127.0.0.1:{find_closed_port()}"
    with pytest.raises(EvidenceMissing) as missing:
        Engines(url, MODEL, "llama.cpp").begin()
    assert str(missing.value).startswith(f"Prometheus at {url}: ")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"data": null}',
        b'{"data": {"result": []}}',
        b'{"data": {"result": [1, "x"]}}',
        b'{"data": {"result": [[]]}}',
    ],
)
def test_whoever_answers_in_another_language_is_no_prometheus(
    prometheus: Prometheus, engines: Engines, body: bytes
) -> None:
    prometheus.body = body
    with pytest.raises(EvidenceMissing) as missing:
        engines.begin()
    assert str(missing.value).startswith(f"Prometheus at {prometheus.url}: ")


@pytest.mark.parametrize("result", [b"[1]", b'[{"metric": {}, "values": []}]', b'[{"metric": {"instance": "a"}}]'])
def test_samples_of_another_form_are_told(prometheus: Prometheus, engines: Engines, result: bytes) -> None:
    begun = engines.begin()
    prometheus.body = b'{"data": {"result": ' + result + b"}}"
    with pytest.raises(EvidenceMissing, match="an answer that is not Prometheus'"):
        engines.count(begun)


def test_an_error_of_prometheus_is_told(prometheus: Prometheus, engines: Engines) -> None:
    prometheus.body, prometheus.status = b'{"status":"error","error":"too many samples"}', 422
    with pytest.raises(EvidenceMissing, match="too many samples"):
        engines.begin()

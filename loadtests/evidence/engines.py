"""The engines' count: what each of them has generated and read in all, as Prometheus scraped it from them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.exceptions import RequestException

from loadtests.evidence.missing import EvidenceMissing

PATIENCE_SECONDS = 60
"""Longest wait for the next scrape of every engine."""
_MARGIN_SECONDS = 120
"""How long before a run its first sample may lie: much longer than the pause between two scrapes."""
_PAUSE_SECONDS = 0.5
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Counters:
    """What an engine calls the three counts that are charged."""

    input_tokens: str
    cached_input_tokens: str
    output_tokens: str


COUNTERS: Mapping[str, Counters] = {
    "llama.cpp": Counters(
        input_tokens="llamacpp:prompt_tokens_total",
        cached_input_tokens="llamacpp:prompt_tokens_cached_total",
        output_tokens="llamacpp:tokens_predicted_total",
    )
}
"""By the engine's name in the catalog. Prompts: tokens that were read anew, and that were there already."""


@dataclass(frozen=True)
class EngineCounts:
    """What the engines of a model did during a run, all together."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    engines: int
    """How many said so."""
    lost: Sequence[str]
    """Those that were gone at the end: what they did after their last scrape is in no count."""


Sample = tuple[float, float]
"""Unix time and value."""


class Engines:
    """The engines of one model, through Prometheus."""

    def __init__(self, metrics_url: str, model: str, engine: str) -> None:
        """Ask the Prometheus at that address for a model that runs on that engine.

        Raises:
            EvidenceMissing: nobody knows what the engine calls its counts.
        """
        counters = COUNTERS.get(engine)
        if counters is None:
            raise EvidenceMissing(f"the engines' counts: {engine} is not known to count; known: {', '.join(COUNTERS)}")
        self._counters = counters
        self._selector = f'{{job="engine",model="{model}"}}'
        self._where = f"Prometheus at {metrics_url}"
        self._prometheus = PrometheusConnect(metrics_url, timeout=_TIMEOUT_SECONDS)

    def begin(self) -> float:
        """Return a moment of Prometheus' clock before which everything that the engines did is scraped.

        Raises:
            EvidenceMissing: no engine is up, or one is not scraped in time.
        """
        self.wait_for_scrape()
        return self._read_clock()

    def wait_for_scrape(self, patience_seconds: float = PATIENCE_SECONDS) -> float:
        """Return a moment of Prometheus' clock that comes before a scrape of every engine that is up: a new one.

        Raises:
            EvidenceMissing: no engine is up, or one is not scraped in time.
        """
        moment = self._read_clock()
        deadline = time.monotonic() + patience_seconds
        while True:
            up = self._list_up()
            scraped = self._read(self._counters.output_tokens, _MARGIN_SECONDS)
            waiting = sorted(name for name in up if not _is_fresh(scraped.get(name), moment))
            if up and not waiting:
                return moment
            if time.monotonic() > deadline:
                missing = f"no new scrape of {', '.join(waiting)}" if up else f"no engine {self._selector} is up"
                raise EvidenceMissing(f"{self._where}: {missing} within {patience_seconds:.0f} s")
            time.sleep(_PAUSE_SECONDS)

    def count(self, begun: float) -> EngineCounts:
        """Return what was done since a moment that `begin` returned, once everything since then is scraped."""
        ended = self.wait_for_scrape()
        seconds = int(ended - begun) + _MARGIN_SECONDS
        series = {
            "input_tokens": self._read(self._counters.input_tokens, seconds),
            "cached_input_tokens": self._read(self._counters.cached_input_tokens, seconds),
            "output_tokens": self._read(self._counters.output_tokens, seconds),
        }
        counted = {
            count: sum(increase_since(samples, begun) for samples in engines.values())
            for count, engines in series.items()
        }
        outputs = {name: samples for name, samples in series["output_tokens"].items() if samples[-1][0] > begun}
        lost = sorted(name for name, samples in outputs.items() if not _is_fresh(samples, ended))
        return EngineCounts(**counted, engines=len(outputs), lost=lost)

    def _read_clock(self) -> float:
        with self._translate():
            [moment, _] = self._prometheus.custom_query("time()")
            return float(moment)

    def _list_up(self) -> set[str]:
        """Return the addresses of the engines that are up now: one that was taken away is none of them any more."""
        with self._translate():
            found = self._prometheus.custom_query(f"up{self._selector} == 1")
            return {series["metric"]["instance"] for series in found}

    def _read(self, metric: str, seconds: int) -> Mapping[str, Sequence[Sample]]:
        """Return the samples of the last seconds, by the engine's address."""
        with self._translate():
            found = self._prometheus.custom_query(f"{metric}{self._selector}[{seconds}s]")
            return {
                series["metric"]["instance"]: [(float(moment), float(value)) for moment, value in series["values"]]
                for series in found
            }

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except (PrometheusApiClientException, RequestException) as error:
            raise EvidenceMissing(f"{self._where}: {error}") from None
        except (LookupError, TypeError, ValueError):
            raise EvidenceMissing(f"{self._where}: an answer that is not Prometheus'") from None


def increase_since(samples: Sequence[Sample], begun: float) -> int:
    """Return by how much a counter rose.

    It began where its last sample up to `begun` was, or at zero if there is none: it is new since then. A counter that
    falls has begun anew at zero.
    """
    level = next((value for moment, value in reversed(samples) if moment <= begun), 0.0)
    total = 0.0
    for moment, value in samples:
        if moment > begun:
            total += value - level if value >= level else value
            level = value
    return round(total)


def _is_fresh(samples: Sequence[Sample] | None, moment: float) -> bool:
    return samples is not None and samples[-1][0] > moment

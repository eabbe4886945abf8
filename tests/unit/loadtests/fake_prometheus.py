"""A Prometheus on loopback that knows three questions: what time it is, who is up, and the last samples of a metric.

Its clock stands still; it scrapes when it is told to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from loadtests.evidence.engines import COUNTERS
from tests.loopback import answer

MODEL = "smollm2-135m"
SCRAPE_SECONDS = 5
_COUNTERS = COUNTERS["llama.cpp"]
_RANGE = re.compile(r'^(?P<metric>[a-z_:]+)\{job="engine",model="smollm2-135m"\}\[(?P<seconds>\d+)s\]$')


@dataclass
class Engine:
    """What an engine counts."""

    output_tokens: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    up: bool = True
    """Whether it answers when it is scraped."""
    known: bool = True
    """Whether it is scraped at all."""
    counts: bool = True
    """Whether it says what it counts."""


@dataclass
class Prometheus:
    """What it has scraped."""

    url: str = ""
    now: float = 1_000_000.0
    engines: dict[str, Engine] = field(default_factory=dict)
    samples: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    """Times and values, by metric and engine."""
    body: bytes | None = None
    """What it answers whatever is asked, if anything."""
    status: int = 200

    def scrape(self, seconds: float = SCRAPE_SECONDS) -> None:
        """Let so much time pass, and ask every engine then."""
        self.now += seconds
        for address, engine in self.engines.items():
            if not engine.known:
                continue
            self._note("up", address, engine.up)
            if engine.up and engine.counts:
                self._note(_COUNTERS.output_tokens, address, engine.output_tokens)
                self._note(_COUNTERS.input_tokens, address, engine.input_tokens)
                self._note(_COUNTERS.cached_input_tokens, address, engine.cached_input_tokens)

    def answer(self, query: str) -> bytes:
        if self.body is not None:
            return self.body
        if query == "time()":
            return _write([self.now, str(self.now)])
        if query == f'up{{job="engine",model="{MODEL}"}} == 1':
            return _write(
                [
                    {"metric": {"instance": address}, "value": [self.now, "1"]}
                    for address in self.engines
                    if [value for _, value in self.samples.get(("up", address), ())][-1:] == [1]
                ]
            )
        matched = _RANGE.match(query)
        assert matched, query
        found = []
        for (metric, address), samples in self.samples.items():
            values = [[moment, str(value)] for moment, value in samples if moment > self.now - int(matched["seconds"])]
            if metric == matched["metric"] and values:
                found.append({"metric": {"__name__": metric, "instance": address}, "values": values})
        return _write(found)

    def _note(self, metric: str, address: str, value: float) -> None:
        self.samples.setdefault((metric, address), []).append((self.now, float(value)))


@contextmanager
def run_prometheus() -> Iterator[Prometheus]:
    prometheus = Prometheus()

    def reply(path: str, asked: Mapping[str, list[str]]) -> tuple[int, bytes]:
        assert path == "/api/v1/query"
        [query] = asked["query"]
        return prometheus.status, prometheus.answer(query)

    with answer(reply) as prometheus.url:
        yield prometheus


def _write(result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"result": result}}).encode()

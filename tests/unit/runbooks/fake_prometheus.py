"""A Prometheus on loopback that answers each query as it is told to: with one answer after the other, and the last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.loopback import answer

NOTHING: Sequence[object] = ()


@dataclass
class Prometheus:
    """What it answers, and what it was asked."""

    url: str = ""
    answers: dict[str, list[object]] = field(default_factory=dict)
    """Results by query; one that is bytes is sent as it is. A query that is not named is answered with nothing."""
    asked: list[str] = field(default_factory=list)
    status: int = 200

    def answer(self, query: str) -> bytes:
        self.asked.append(query)
        results = self.answers.get(query, [NOTHING])
        result = results.pop(0) if len(results) > 1 else results[0]
        if isinstance(result, bytes):
            return result
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def sample(value: float = 1, **labels: str) -> Mapping[str, object]:
    """Return a time series at one moment."""
    return {"metric": labels, "value": [1_000_000.0, str(value)]}


@contextmanager
def run_prometheus(**answers: list[object]) -> Iterator[Prometheus]:
    prometheus = Prometheus(answers=dict(answers))

    def reply(path: str, asked: Mapping[str, list[str]]) -> tuple[int, bytes]:
        assert path == "/api/v1/query"
        [query] = asked["query"]
        return prometheus.status, prometheus.answer(query)

    with answer(reply) as prometheus.url:
        yield prometheus

"""A Prometheus on loopback that answers questions about ranges with what it was told to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.loopback import answer


@dataclass
class Answer:
    """One series."""

    labels: Mapping[str, str]
    values: Sequence[str | None]
    """At the last moments that are asked for; None where there is none."""


@dataclass
class FakePrometheus:
    """What it says, and what it was asked."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    """By what a query must contain; other queries have no series."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each question."""
    body: bytes | None = None
    """What it answers whatever is asked, if anything."""
    status: int = 200

    def answer(self, asked: dict[str, str]) -> bytes:
        self.asked.append(asked)
        if self.body is not None:
            return self.body
        moments = range(int(asked["start"]), int(asked["end"]) + 1, int(asked["step"]))
        result = [
            {
                "metric": answer.labels,
                "values": [
                    [moment, value]
                    for moment, value in zip(moments[-len(answer.values) :], answer.values, strict=True)
                    if value is not None
                ],
            }
            for part, answers in self.answers.items()
            if part in asked["query"]
            for answer in answers
        ]
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@contextmanager
def run_prometheus() -> Iterator[FakePrometheus]:
    prometheus = FakePrometheus()

    def reply(path: str, asked: Mapping[str, list[str]]) -> tuple[int, bytes]:
        assert path == "/api/v1/query_range"
        return prometheus.status, prometheus.answer({name: value for name, [value] in asked.items()})

    with answer(reply) as prometheus.url:
        yield prometheus

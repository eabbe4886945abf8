"""A Prometheus on loopback that answers questions about ranges with what it was told to."""

from __future__ import annotations

import functools
import http.server
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlparse

from tests.loopback import serve


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
    with serve(functools.partial(_Handler, prometheus)) as prometheus.url:
        yield prometheus


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, prometheus: FakePrometheus, *arguments: object) -> None:
        self.prometheus = prometheus
        super().__init__(*arguments)  # type: ignore[arg-type] # whatever socketserver hands over

    def do_GET(self) -> None:
        address = urlparse(self.path)
        assert address.path == "/api/v1/query_range"
        content = self.prometheus.answer({name: value for name, [value] in parse_qs(address.query).items()})
        self.send_response(self.prometheus.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""

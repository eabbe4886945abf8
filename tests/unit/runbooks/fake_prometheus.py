"""A Prometheus on loopback that answers each query as it is told to: with one answer after the other, and the last."""

from __future__ import annotations

import functools
import http.server
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlparse

from tests.loopback import serve

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
    with serve(functools.partial(_Handler, prometheus)) as prometheus.url:
        yield prometheus


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, prometheus: Prometheus, *arguments: object) -> None:
        self.prometheus = prometheus
        super().__init__(*arguments)  # type: ignore[arg-type] # whatever socketserver hands over

    def do_GET(self) -> None:
        address = urlparse(self.path)
        assert address.path == "/api/v1/query"
        [query] = parse_qs(address.query)["query"]
        content = self.prometheus.answer(query)
        self.send_response(self.prometheus.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""

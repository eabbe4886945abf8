"""A gateway on loopback that answers each question as a test says, and notes what it was asked."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import Any

from tests.loopback import serve

Send = Callable[[bytes], None]


@dataclass
class Answer:
    """What a question is answered with."""

    pieces: list[bytes] = field(default_factory=list)
    """The body, each piece a chunk of its own."""
    status: int = 200
    request_id: str | None = "request-1"
    waits: bool = False
    """Whether it says nothing more after its pieces, until the customer is gone."""
    silent: bool = False
    """Whether it says nothing at all, until the customer is gone."""
    breaks: bool = False
    """Whether the connection ends after its pieces, amid the body."""


@dataclass
class ScriptedGateway:
    """The answers to come, and the questions that came."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """Set once a customer has closed the connection amid an answer."""


@contextmanager
def run_gateway() -> Iterator[ScriptedGateway]:
    gateway = ScriptedGateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            gateway.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            gateway.headers.append(dict(self.headers))
            _answer(self, gateway)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with serve(Handler) as gateway.url:
        yield gateway


def _answer(handler: http.server.BaseHTTPRequestHandler, gateway: ScriptedGateway) -> None:
    answer = gateway.answers.pop(0)
    if answer.silent:
        _wait_for_end(handler.rfile, gateway)
        handler.close_connection = True
        return
    handler.send_response(answer.status)
    handler.send_header("Content-Type", "text/event-stream" if answer.status == 200 else "application/json")
    handler.send_header("Transfer-Encoding", "chunked")
    if answer.request_id:
        handler.send_header("x-request-id", answer.request_id)
    handler.end_headers()
    for piece in answer.pieces:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    if answer.waits:
        _wait_for_end(handler.rfile, gateway)
    if answer.waits or answer.breaks:
        handler.close_connection = True
    else:
        handler.wfile.write(b"0\r\n\r\n")


def _wait_for_end(connection: BufferedIOBase, gateway: ScriptedGateway) -> None:
    try:
        ended = connection.read(1) == b""
    except ConnectionError:
        ended = True
    if ended:
        gateway.left.set()

"""An endpoint that says who the caller is and fails at everything else, in the way that a test wants."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.loopback import serve

ACCOUNT = "123456789012"

IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult><Account>{ACCOUNT}</Account><Arn>arn:aws:sts::{ACCOUNT}:user/stub</Arn>
  <UserId>STUB</UserId></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


@dataclass
class StubAws:
    """A server on loopback; `status`, `content_type` and `body` are its answer to all but GetCallerIdentity."""

    endpoint: str = ""
    status: int = 500
    content_type: str = "text/plain"
    body: str = ""
    asked: list[str] = field(default_factory=list)
    """Method and path of every failed request."""


@contextmanager
def run_stub() -> Iterator[StubAws]:
    stub = StubAws()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            request = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if b"Action=GetCallerIdentity" in request:
                self.say(200, "text/xml", IDENTITY)
            else:
                stub.asked.append(f"{self.command} {self.path}")
                self.say(stub.status, stub.content_type, stub.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the base class asks for these names

        def say(self, status: int, content_type: str, body: str) -> None:
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    with serve(Handler) as stub.endpoint:
        yield stub

"""An HTTP server whose every answer, to what is no HTTP too, says which request it belongs to."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from aiohttp import web

from services.gateway.failures import ListeningFailed
from services.gateway.identity import make_request_id
from services.gateway.refusals import Refused, refuse_request

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

REQUEST_ID = "X-Request-Id"
SERVER = "faregate"
"""What the header Server says, so that it names no software and no version."""

LONGEST_LINE = 8190
KEPT_SECONDS = 75
"""How long an unused connection is kept: longer than load balancers do, so that they are the ones who close it."""

_BACKLOG = 1024
_CLOSE_SECONDS = 0.01
"""aiohttp takes 0 for "as long as it takes"."""
_FIRST_REQUEST_SECONDS = 1
"""How long a connection that was taken may take to send its first request, where no other is taken any more."""
_PAUSE_SECONDS = 0.01


class WebServer:
    """Listens on one TCP port."""

    def __init__(self, handler: Handler, address: str, port: int) -> None:
        self._handler = handler
        self._address = address
        self._port = port
        self._server: _Server | None = None
        self._runner: web.ServerRunner | None = None
        self._site: web.SockSite | None = None
        self._socket: socket.socket | None = None

    async def listen(self) -> None:
        """Begin to listen.

        Raises:
            ListeningFailed: the address can't be had.
        """
        # A client that leaves cancels the handler: what an engine does for it ends at once.
        self._server = _Server(
            self._handler, handler_cancellation=True, access_log=None, keepalive_timeout=KEPT_SECONDS
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_CLOSE_SECONDS)
        await self._runner.setup()
        try:
            family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
            self._socket = socket.create_server((self._address, self._port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise ListeningFailed(
                f"GATEWAY_ADDRESS, port: given {self._address}, {self._port}; allowed: what is this machine's and "
                f"free: {error.strerror}"
            ) from None
        self._site = web.SockSite(self._runner, self._socket, backlog=_BACKLOG)
        await self._site.start()

    @property
    def port(self) -> int:
        """Return the port on which it listens: where 0 was asked for, any that was free."""
        return self._port if self._socket is None else int(self._socket.getsockname()[1])

    async def refuse_connections(self) -> None:
        """Listen no more and close connections that nobody uses; those with a request close after its answer.

        Whoever is connected by then, as far as the kernel is concerned, is served: a load balancer that has sent its
        request can't know that nobody read it, and does not ask anybody else.
        """
        if self._site is None or self._server is None or self._socket is None:
            return
        loop = asyncio.get_running_loop()
        # asyncio loses a connection that it accepts in the very turn in which the socket is closed: it would stay open.
        loop.remove_reader(self._socket)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting = _accept_waiting(self._socket)
        await self._site.stop()
        self._site = None
        for connection in waiting:
            await loop.connect_accepted_socket(self._server, connection)
        await self._server.await_first_requests(_FIRST_REQUEST_SECONDS)
        self._server.pre_shutdown()

    async def close(self) -> None:
        """Close everything; requests that are still served are cancelled."""
        await self.refuse_connections()
        if self._server is not None and self._runner is not None:
            await self._server.shutdown(_CLOSE_SECONDS)
            await self._runner.cleanup()
            self._server = None


def make_headers(request_id: object) -> dict[str, str]:
    """Return the headers of every answer."""
    return {REQUEST_ID: str(request_id), "Server": SERVER}


def answer_refusal(refused: Refused, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=refused.status,
        body=refused.body,
        content_type="application/json",
        headers={**headers, **refused.headers},
    )


def _accept_waiting(listening: socket.socket) -> list[socket.socket]:
    """Return the connections that the kernel has made and nobody has taken: they would be reset."""
    waiting = []
    with suppress(OSError):  # none is left
        while True:
            connection, _ = listening.accept()
            connection.setblocking(False)
            waiting.append(connection)
    return waiting


class _Protocol(web.RequestHandler):
    """Answers what is no HTTP, and what a handler did not catch, in the same form as everything else."""

    is_new = True
    """Whether nothing was read of it yet."""

    def data_received(self, data: bytes) -> None:
        self.is_new = False
        super().data_received(data)

    async def start(self) -> None:
        try:
            await super().start()
        finally:
            # aiohttp leaves a connection open that waited for a request when it was told to close.
            if self.transport is not None:
                self.transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer was sent already")
        refused = refuse_request("The request is not HTTP that can be read")
        if status >= 500:
            refused = Refused(500, "server_error", "The service failed", code="internal_error")
        answer = answer_refusal(refused, make_headers(make_request_id()))
        answer.force_close()
        return answer


class _Server(web.Server):
    def __init__(self, handler: Handler, **options: Any) -> None:
        super().__init__(handler, **options)
        self._options = {name: value for name, value in options.items() if name != "handler_cancellation"}

    async def await_first_requests(self, seconds: float) -> None:
        """Wait until every connection has sent something, but no longer than so many seconds."""
        deadline = time.monotonic() + seconds
        while any(connection.is_new for connection in self._protocols()) and time.monotonic() < deadline:
            await asyncio.sleep(_PAUSE_SECONDS)

    def _protocols(self) -> Iterator[_Protocol]:
        return (connection for connection in self.connections if isinstance(connection, _Protocol))

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=asyncio.get_running_loop(), **self._options)

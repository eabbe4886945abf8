"""An HTTP server whose every answer, to what is no HTTP too, says which request it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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


class WebServer:
    """Listens on one TCP port."""

    def __init__(self, handler: Handler, address: str, port: int) -> None:
        self._handler = handler
        self._address = address
        self._port = port
        self._server: _Server | None = None
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None

    async def listen(self) -> None:
        """Begin to listen.

        Raises:
            ListeningFailed: the address can't be had.
        """
        # A client that leaves cancels the handler: what an engine does for it ends at once.
        self._server = _Server(
            self._handler, handler_cancellation=True, access_log=None, keepalive_timeout=KEPT_SECONDS
        )
        self._runner = web.ServerRunner(self._server)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._address, self._port)
        try:
            await self._site.start()
        except OSError as error:
            raise ListeningFailed(
                f"GATEWAY_ADDRESS, port: given {self._address}, {self._port}; allowed: what is this machine's and "
                f"free: {error.strerror}"
            ) from None

    @property
    def port(self) -> int:
        """Return the port on which it listens: where 0 was asked for, any that was free."""
        if self._runner is None or not self._runner.addresses:
            return self._port
        return int(self._runner.addresses[0][1])

    async def refuse_connections(self) -> None:
        """Listen no more and close connections that nobody uses; those with a request close after its answer."""
        if self._site is not None and self._server is not None:
            await self._site.stop()
            self._site = None
            self._server.pre_shutdown()

    async def close(self) -> None:
        """Close everything; requests that are still served are cancelled."""
        await self.refuse_connections()
        if self._server is not None and self._runner is not None:
            await self._server.shutdown(0)
            await self._runner.cleanup()


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


class _Protocol(web.RequestHandler):
    """Answers what is no HTTP, and what a handler did not catch, in the same form as everything else."""

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

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=asyncio.get_running_loop(), **self._options)

"""The client's side of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web


class ClientGone(Exception):
    """The client closed its connection, or takes nothing from it any more."""


class Client:
    """Writes a stream to a client."""

    def __init__(self, request: web.BaseRequest, headers: Mapping[str, str], patience_seconds: float) -> None:
        """Write to whoever asked.

        Args:
            request: what was asked.
            headers: those of the answer.
            patience_seconds: how long a client may take nothing of what was written.
        """
        self._request = request
        self._patience_seconds = patience_seconds
        self.response = web.StreamResponse(
            headers={
                **headers,
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
            }
        )

    @property
    def is_begun(self) -> bool:
        return self.response.prepared

    def abort(self) -> None:
        """Break the connection off if a part of the stream was written: it must not look whole."""
        if self.is_begun and self._request.transport is not None:
            self._request.transport.abort()

    async def begin(self) -> None:
        """Write status and headers.

        Raises:
            ClientGone: nobody reads.
        """
        try:
            await self.response.prepare(self._request)
        except ConnectionError as error:
            raise ClientGone from error

    async def write(self, data: bytes) -> None:
        """Write to the connection, and wait while too much is on its way.

        Raises:
            ClientGone: nobody reads.
        """
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self.response.write(data)
        except (ConnectionError, TimeoutError) as error:
            raise ClientGone from error

    async def end(self) -> None:
        """Say that nothing more comes.

        Raises:
            ClientGone: nobody reads.
        """
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self.response.write_eof()
        except (ConnectionError, TimeoutError) as error:
            raise ClientGone from error

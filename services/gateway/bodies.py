"""Reads the bodies of requests."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http import HttpVersion11

from services.gateway.refusals import Refused, refuse_request, refuse_size

PATIENCE_SECONDS = 60
"""The longest that a body may take to arrive."""


async def read_body(request: web.BaseRequest, most: int) -> bytes:
    """Return the body of a request.

    Raises:
        Refused: it is longer than `most` bytes, can't be decoded, or takes too long.
    """
    if request.content_length is not None and request.content_length > most:
        raise refuse_size(most)
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself is still to come
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > most:
                    raise refuse_size(most)
    except TimeoutError:
        raise Refused(408, "invalid_request_error", "The request's body took too long to arrive") from None
    except web.RequestPayloadError:
        raise refuse_request("The request's body can't be read as its headers describe it") from None
    return bytes(body)

"""An engine that does what a test says: it counts as llama.cpp does, and breaks as engines do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PROMPT = 12
CACHED = 4


class Line:
    """The stream that an engine writes."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        self._response = response
        self._request = request

    async def say(self, words: str, output_tokens: int) -> None:
        """Write words, after which there are so many tokens in all."""
        await self.write(make_chunk({"content": words}, None, output_tokens))

    async def finish(self, output_tokens: int, reason: str = "stop") -> None:
        """Write what llama.cpp writes last: the reason has no counts, the usage has them."""
        await self.write(make_chunk({}, reason, None))
        usage = {**make_chunk({}, None, output_tokens), "choices": [], "usage": make_usage(output_tokens)}
        await self.write(usage)
        await self.raw(b"data: [DONE]\n\n")

    async def write(self, chunk: Mapping[str, object]) -> None:
        await self.raw(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    async def raw(self, data: bytes) -> None:
        await self._response.write(data)

    def cut(self) -> None:
        """Break the connection."""
        assert self._request.transport
        self._request.transport.abort()


Play = Callable[[Line, Mapping[str, Any]], Awaitable[None]]


@dataclass
class ScriptedEngine:
    """What it does with requests, and what it saw of them."""

    play: Play | None = None
    """How it streams. Default: ten chunks of three tokens, and one token that no word comes of."""
    status: int = 200
    error: str = "that is wrong"
    usage: Mapping[str, object] | None = None
    """What a plain answer says of its usage."""
    healthy: bool = True
    counts_of_prompt: int = PROMPT
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, requests wait for their first byte."""
    orders: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    working: int = 0
    broken_off: int = 0
    """Requests whose client left before their end."""
    port: int = 0
    drops: int = 0
    """Requests whose connection is closed unanswered."""
    close: Callable[[], Awaitable[None]] | None = None
    """Ends it, so that connections are refused."""

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def complete(self, request: web.Request) -> web.StreamResponse:
        order = await request.json()
        self.orders.append(order)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.working += 1
        try:
            await self.gate.wait()
            if self.drops:
                self.drops -= 1
                assert request.transport
                request.transport.abort()
            if self.status != 200:
                return web.json_response({"error": {"code": self.status, "message": self.error}}, status=self.status)
            if not order.get("stream"):
                return web.json_response(self._answer(order))
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await (self.play or play_default)(Line(response, request), order)
            await response.write_eof()
            return response
        except (asyncio.CancelledError, ConnectionError):
            self.broken_off += 1
            raise
        finally:
            self.working -= 1

    def _answer(self, order: Mapping[str, Any]) -> dict[str, object]:
        usage = make_usage(min(9, order["max_tokens"])) if self.usage is None else self.usage
        message = {"role": "assistant", "content": "nine secret words"}
        answer = {**make_chunk({}, None, 9), "object": "chat.completion"}
        answer["choices"] = [{"index": 0, "finish_reason": "stop", "message": message}]
        return {**answer, "usage": usage, "__verbose": {"prompt": "all of it"}} if usage else answer

    async def render(self, request: web.Request) -> web.Response:
        await request.json()
        return web.json_response({"prompt": "rendered"})

    async def tokenize(self, _: web.Request) -> web.Response:
        return web.json_response({"tokens": list(range(self.counts_of_prompt))})

    async def say_health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)


async def play_default(line: Line, _: Mapping[str, Any]) -> None:
    for number in range(1, 11):
        await line.say(f"secret{number} ", 3 * number)
    await line.finish(31)


def make_chunk(delta: Mapping[str, object], reason: str | None, output_tokens: int | None) -> dict[str, object]:
    chunk: dict[str, object] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "the-engine-s-own-name",
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": reason}],
    }
    if output_tokens is not None:
        chunk["timings"] = {"cache_n": CACHED, "prompt_n": PROMPT - CACHED, "predicted_n": output_tokens}
    return chunk


def make_usage(output_tokens: int) -> dict[str, object]:
    return {
        "prompt_tokens": PROMPT,
        "completion_tokens": output_tokens,
        "total_tokens": PROMPT + output_tokens,
        "prompt_tokens_details": {"cached_tokens": CACHED},
    }


@asynccontextmanager
async def run_engine(engine: ScriptedEngine) -> AsyncIterator[ScriptedEngine]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", engine.complete)
    app.router.add_post("/apply-template", engine.render)
    app.router.add_post("/tokenize", engine.tokenize)
    app.router.add_get("/health", engine.say_health)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", engine.port)
    await site.start()
    engine.port = runner.addresses[0][1]
    engine.close = runner.cleanup
    try:
        yield engine
    finally:
        await runner.cleanup()

"""Asks engines over HTTP. Nothing of a customer's headers goes to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp

from services.gateway.chat import Chat
from services.gateway.flight import Flight
from services.gateway.orders import order_prompt
from services.gateway.refusals import refuse_for_now, refuse_request
from services.gateway.replicas import Replica

CHAT = "/v1/chat/completions"
CONNECT_SECONDS = 2
IDLE_SECONDS = 2
"""How long an unused connection is kept: llama.cpp closes its end after 5 seconds."""
COUNT_SECONDS = 10
"""The longest wait for an engine that counts a prompt."""


class EngineBroken(Exception):
    """An engine did not answer as it should. Another may."""

    def __init__(self, reason: str, *, refused: bool = False, stale: bool = False, slow: bool = False) -> None:
        """Keep why.

        Args:
            reason: a few words for the log.
            refused: nobody listens there.
            stale: a connection that had been kept was closed before the request was read; it may be asked again.
            slow: it may still work on the request: nobody else should be asked to do the same.
        """
        super().__init__(reason)
        self.reason = reason
        self.refused = refused
        self.stale = stale
        self.slow = slow


class Engines:
    """Asks engines."""

    def __init__(self, session: aiohttp.ClientSession, *, silence_seconds: float, answer_seconds: float) -> None:
        """Ask through the session; see `open_session`.

        Args:
            session: keeps connections.
            silence_seconds: the longest wait for a stream's next bytes.
            answer_seconds: the longest wait for a whole answer.
        """
        self._session = session
        self._stream_timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds
        )
        self._answer_timeout = aiohttp.ClientTimeout(total=answer_seconds, sock_connect=CONNECT_SECONDS)
        self._count_timeout = aiohttp.ClientTimeout(total=COUNT_SECONDS, sock_connect=CONNECT_SECONDS)

    @asynccontextmanager
    async def open_stream(
        self, replica: Replica, order: Mapping[str, object], flight: Flight
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Return an answer whose body can be read. The connection is closed if its end was not reached.

        Raises:
            EngineBroken: there is none.
            Refused: the engine does not take the request, by the client's fault.
        """
        async with self._post(replica, CHAT, order, self._stream_timeout, flight) as answer:
            yield answer

    async def ask(self, replica: Replica, order: Mapping[str, object], flight: Flight) -> dict[str, object]:
        """Return a whole answer.

        Raises:
            EngineBroken, Refused: as `open_stream` does.
        """
        async with self._post(replica, CHAT, order, self._answer_timeout, flight) as answer:
            return await _read_object(answer)

    async def count_prompt(self, replica: Replica, chat: Chat, flight: Flight) -> int:
        """Return how many tokens the prompt is, exactly: the engine renders and tokenizes it.

        Raises:
            EngineBroken, Refused: as `open_stream` does.
        """
        async with self._post(replica, "/apply-template", order_prompt(chat), self._count_timeout, flight) as answer:
            prompt = (await _read_object(answer)).get("prompt")
        order = {"content": prompt, "add_special": True, "parse_special": True}
        async with self._post(replica, "/tokenize", order, self._count_timeout, flight) as answer:
            tokens = (await _read_object(answer)).get("tokens")
        if not isinstance(tokens, list):
            raise EngineBroken("it does not count prompts")
        return len(tokens)

    @asynccontextmanager
    async def _post(
        self,
        replica: Replica,
        path: str,
        order: Mapping[str, object],
        timeout: aiohttp.ClientTimeout,
        flight: Flight,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Content-Type": "application/json", "X-Request-Id": str(flight.request_id)}
        body = json.dumps(order).encode()
        asking = asyncio.ensure_future(
            self._session.post(f"{replica.url}{path}", data=body, headers=headers, timeout=timeout)
        )
        answer = await _wait(asking, flight)
        try:
            flight.watch(answer.close)
            with translate_failures():
                await _check_status(answer)
            yield answer
        finally:
            flight.watch(None)
            answer.release() if answer.content.at_eof() else answer.close()


def open_session() -> aiohttp.ClientSession:
    """Return what keeps connections to engines, as many as there are requests."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "faregate-gateway"},
        trust_env=False,
    )


@contextmanager
def translate_failures() -> Iterator[None]:
    """Turn the client's errors into `EngineBroken`."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise EngineBroken(f"can't be reached: {error.strerror}", refused=True) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise EngineBroken("can't be reached in time", refused=True) from error
    except aiohttp.ServerDisconnectedError as error:
        raise EngineBroken("closed the connection", stale=True) from error
    except TimeoutError as error:
        raise EngineBroken("said nothing for too long", slow=True) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise EngineBroken(f"broke off: {type(error).__name__}") from error


async def _wait(asking: asyncio.Future[aiohttp.ClientResponse], flight: Flight) -> aiohttp.ClientResponse:
    """Return what an engine begins to answer; `flight` may be ended meanwhile."""
    flight.watch(asking.cancel)
    try:
        with translate_failures():
            return await asking
    except asyncio.CancelledError:
        if asking.done() and not asking.cancelled() and asking.exception() is None:
            asking.result().close()  # it came in the very moment in which nobody wanted it any more
        task = asyncio.current_task()
        if flight.is_ending and task is not None and not task.cancelling():
            raise refuse_for_now("The service is being restarted; ask again.") from None
        raise
    finally:
        flight.watch(None)


async def _check_status(answer: aiohttp.ClientResponse) -> None:
    if answer.status == 200:
        return
    message = _find_message(await answer.read())
    # Only what the client can mend is passed on: a 401 or 404 of an engine is the operator's.
    if answer.status in (400, 413, 422):
        raise refuse_request(f"The model's engine does not take this request: {message}")
    raise EngineBroken(f"answered {answer.status}")


def _find_message(body: bytes) -> str:
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "it does not say why"
    return str(message)[:1000]


async def _read_object(answer: aiohttp.ClientResponse) -> dict[str, object]:
    with translate_failures():
        body = await answer.read()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise EngineBroken("answered no JSON") from None
    if not isinstance(value, dict):
        raise EngineBroken("answered no JSON object")
    return value

"""What customers reach: the API, and for load balancers whether there is somebody to answer it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from services.gateway import log
from services.gateway.admission import Admissions
from services.gateway.bodies import read_body
from services.gateway.chat import parse_chat
from services.gateway.client import Client
from services.gateway.flight import Flight
from services.gateway.health import Health
from services.gateway.identity import clean_client_id, hash_key, make_request_id
from services.gateway.metrics import NO_MODEL, Metrics
from services.gateway.models import ServedModel
from services.gateway.plain import Plain
from services.gateway.refusals import Refused, refuse_method, refuse_model, refuse_path
from services.gateway.settlement import Settlements
from services.gateway.streams import RECEIPT, Streams
from services.gateway.web_server import REQUEST_ID, answer_refusal, make_headers

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
GONE = 499
"""nginx's word for a client that left before its answer; in the log only."""

Answer = Callable[[web.BaseRequest, Flight], Awaitable[web.StreamResponse]]


class Customers:
    """Answers requests on the customers' port."""

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        admissions: Admissions,
        plain: Plain,
        streams: Streams,
        settlements: Settlements,
        metrics: Metrics,
        health: Health,
        *,
        body_bytes: int,
        silence_seconds: float,
    ) -> None:
        self._models = models
        self._admissions = admissions
        self._plain = plain
        self._streams = streams
        self._settlements = settlements
        self._metrics = metrics
        self._health = health
        self._body_bytes = body_bytes
        self._silence_seconds = silence_seconds
        self._flights: set[Flight] = set()
        self._landed = asyncio.Event()
        self._landed.set()
        self._paths: Mapping[str, tuple[str, Answer]] = {
            CHAT: ("POST", self._complete),
            MODELS: ("GET", self._list_models),
            "/healthz": ("GET", self._say_alive),
            "/readyz": ("GET", self._say_ready),
        }
        metrics.in_flight.set_function(lambda: len(self._flights))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request, errors included."""
        flight = Flight(make_request_id(), clean_client_id(request.headers.get(REQUEST_ID)))
        self._flights.add(flight)
        self._landed.clear()
        status = GONE
        try:
            response = await self._answer(request, flight)
            status = response.status
            return response
        finally:
            self._flights.discard(flight)
            if not self._flights:
                self._landed.set()
            self._report(request, flight, status)

    async def wait_until_landed(self) -> None:
        """Return once no request is in flight."""
        await self._landed.wait()

    def end_flights(self) -> int:
        """End the requests in flight; return how many there are."""
        for flight in self._flights:
            flight.end()
        return len(self._flights)

    async def _answer(self, request: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        headers = make_headers(flight.request_id)
        try:
            return await self._find(request)(request, flight)
        except Refused as refused:
            response = answer_refusal(refused, headers)
            if refused.status in (408, 413):
                response.force_close()  # the rest of the body is not waited for
            return response
        except ConnectionError:
            raise  # of the client
        except Exception as error:  # noqa: BLE001  # whatever it is, its text may hold a customer's words
            log.write("failed", level="error", request_id=flight.request_id, reason=_locate(error))
            return answer_refusal(Refused(500, "server_error", "The service failed", code="internal_error"), headers)

    def _find(self, request: web.BaseRequest) -> Answer:
        path = request.path
        known = self._paths.get(path)
        if known is None and path.startswith(f"{MODELS}/"):
            known = ("GET", self._describe_model)
        if known is None:
            raise refuse_path(request.method, path)
        method, answer = known
        if request.method != method and (method, request.method) != ("GET", "HEAD"):
            raise refuse_method(request.method, method)
        return answer

    async def _complete(self, request: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        key_hash = hash_key(request.headers.get("Authorization"))
        chat = parse_chat(await read_body(request, self._body_bytes))
        model = self._models.get(chat.model)
        if model is None:
            raise refuse_model(chat.model)
        flight.model, flight.stream = model.name, chat.stream
        flight.bill = bill = await self._admissions.admit(flight, key_hash, chat, model)
        # From here on the hold is this function's to have settled, however it is left.
        client = Client(request, make_headers(flight.request_id), self._silence_seconds)
        try:
            if chat.stream:
                await self._streams.relay(client, flight, chat, model, bill)
                return client.response
            answer = await self._plain.answer(flight, chat, bill)
        except Exception:
            client.abort()
            raise
        finally:
            self._settlements.put(bill)
        receipt = json.dumps(bill.to_receipt(), separators=(",", ":"))
        return _answer_json(answer, {**make_headers(flight.request_id), RECEIPT: receipt})

    async def _list_models(self, _: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        # What is sold is no secret, and the ledger need not be asked for it.
        models = [model.describe() for model in self._models.values()]
        return _answer_json({"object": "list", "data": models}, make_headers(flight.request_id))

    async def _describe_model(self, request: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        name = request.path.removeprefix(f"{MODELS}/")
        if name not in self._models:
            raise refuse_model(name)
        return _answer_json(self._models[name].describe(), make_headers(flight.request_id))

    async def _say_alive(self, _: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        return web.Response(text="alive\n", headers=make_headers(flight.request_id))

    async def _say_ready(self, _: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        status, text = self._health.describe()
        return web.Response(status=status, text=text, headers=make_headers(flight.request_id))

    def _report(self, request: web.BaseRequest, flight: Flight, status: int) -> None:
        if request.path in ("/healthz", "/readyz"):
            return  # every load balancer asks every second
        model, bill = flight.model or NO_MODEL, flight.bill
        self._metrics.requests.labels(model, "gone" if status == GONE else f"{status // 100}xx").inc()
        if flight.model is not None:
            self._metrics.duration.labels(model).observe(flight.seconds)
            if flight.first_word_seconds is not None:
                self._metrics.first_word.labels(model).observe(flight.first_word_seconds)
        if bill is not None and bill.exceeded:
            self._metrics.bounds_exceeded.inc()
        log.write(
            "request",
            level="error" if status >= 500 and status != 503 else "info",
            request_id=flight.request_id,
            client_request_id=flight.client_request_id,
            method=request.method[:16],
            path=request.path if request.path in self._paths else "other",
            status=status,
            model=flight.model,
            stream=flight.stream or None,
            account=bill.hold.account if bill else None,
            hold_id=bill.hold.id if bill else None,
            replica=flight.replica,
            input_tokens=bill.counts.input_tokens if bill else None,
            cached_input_tokens=bill.counts.cached_input_tokens if bill else None,
            output_tokens=bill.counts.output_tokens if bill else None,
            engine_output_tokens=bill.engine_output_tokens if bill else None,
            charge_nanodollars=bill.charge if bill else None,
            ended_by=flight.ended_by,
            bound_exceeded=True if bill and bill.exceeded else None,
            seconds=round(flight.seconds, 4),
        )


def _answer_json(value: object, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        body=json.dumps(value, ensure_ascii=False).encode(), content_type="application/json", headers=headers
    )


def _locate(error: BaseException) -> str:
    """Return what failed where, without the error's text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" in {trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}"
    return f"{type(error).__name__}{where}"

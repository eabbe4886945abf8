"""What operators reach, on a port of its own: health, metrics, and where requests are led."""

from __future__ import annotations

from aiohttp import web

from services.gateway.health import Health
from services.gateway.identity import make_request_id
from services.gateway.metrics import Metrics
from services.gateway.refusals import refuse_method, refuse_path
from services.gateway.replicas import Replicas
from services.gateway.web_server import answer_refusal, make_headers


class Operations:
    """Answers requests on the operators' port."""

    def __init__(self, health: Health, metrics: Metrics, replicas: Replicas) -> None:
        self._health = health
        self._metrics = metrics
        self._replicas = replicas

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = make_headers(make_request_id())
        if request.method not in ("GET", "HEAD"):
            return answer_refusal(refuse_method(request.method, "GET"), headers)
        match request.path:
            case "/healthz":
                return web.Response(text="alive\n", headers=headers)
            case "/readyz":
                status, text = self._health.describe()
                return web.Response(status=status, text=text, headers=headers)
            case "/routes.csv":
                return web.Response(text=self._replicas.tabulate(), content_type="text/csv", headers=headers)
            case "/metrics":
                for model, up in self._replicas.count_up().items():
                    self._metrics.replicas_up.labels(model).set(up)
                headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
                return web.Response(body=self._metrics.write(), headers=headers)
        return answer_refusal(refuse_path(request.method, request.path), headers)

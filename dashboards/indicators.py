"""What is counted of a service to know which share of its events was bad, where its customers are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent

_NO_RATE = "1e-9"
"""Stands for no events a second, by which nothing can be divided: less than one in any window."""


@dataclass(frozen=True)
class Indicator:
    """Which events are counted, and which of them were bad, as PromQL in which WINDOW stands for a range."""

    total: str
    """Events a second; no value where nobody counts them."""
    bad: str
    """Bad events a second; no value where nobody counts them."""

    def ratio(self, window: str) -> str:
        """Return PromQL for the share of events (0 to 1) that were bad over a window such as `5m`.

        It is 0 where there were no events, and has no value where nobody counts events. It is 1 at most: a stream is
        counted when it begins and is bad when it ends, so that a short window may see only its end.
        """
        total, bad = (expression.replace("WINDOW", window) for expression in (self.total, self.bad))
        return f"clamp_max(\n  (\n{indent(bad, ' ' * 4)}\n  )\n  /\n  clamp_min({total}, {_NO_RATE}),\n  1\n)"


AVAILABILITY: Mapping[str, Indicator] = {
    "gateway": Indicator(
        total='sum(rate(haproxy_frontend_http_requests_total{proxy="entrance"}[WINDOW]))',
        # The load balancer knows every error that came before an answer began, its own 503 among them where no gateway
        # is, and every answer that broke off amid it, because its gateway died. What else cut a stream after it had
        # begun only the gateways know; where none is, the load balancer's counts are all.
        bad="""\
sum(rate(haproxy_frontend_http_responses_total{proxy="entrance",code="5xx"}[WINDOW]))
+
(sum(rate(haproxy_backend_server_aborts_total{proxy="replicas"}[WINDOW])) or vector(0))
+
(sum(rate(faregate_gateway_stream_endings_total{reason=~"engine|ledger|drain"}[WINDOW])) or vector(0))""",
    ),
}
"""By the service that promises to be available."""

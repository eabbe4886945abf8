"""What is measured of the gateway. Labels are bounded: models are those that are served, states are few."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from services.billing.ledger import Settlement
from services.gateway.bill import Bill

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
NO_MODEL = "none"
"""The label of requests that name no model that is served."""
_STREAM_ENDINGS = ("complete", "client", "drain", "engine", "ledger", "wallet")


class Metrics:
    """Counts into a registry of its own. Money is counted in nano-dollars, as floats: the ledger is what is exact."""

    def __init__(self, models: Iterable[str]) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "faregate_gateway_requests",
            "Requests that were answered, by model and class of HTTP status; gone: the client left before.",
            ["model", "status"],
            registry=registry,
        )
        self.in_flight = Gauge("faregate_gateway_requests_in_flight", "Requests being served now.", registry=registry)
        self.tokens = Counter(
            "faregate_gateway_tokens", "Tokens that were settled, by unit.", ["model", "unit"], registry=registry
        )
        self.charged = Counter(
            "faregate_gateway_charged_nanodollars",
            "Nano-dollars (1e-9 USD) that settlements charged.",
            ["model"],
            registry=registry,
        )
        self.shortfall = Counter(
            "faregate_gateway_shortfall_nanodollars",
            "Nano-dollars (1e-9 USD) that were delivered and could not be charged: the hold's lease had ended.",
            ["model"],
            registry=registry,
        )
        self.holds_open = Gauge(
            "faregate_gateway_holds_open", "Holds that are not settled yet: in flight or queued.", registry=registry
        )
        self.settlements_queued = Gauge(
            "faregate_gateway_settlements_queued", "Settlements that wait or are under way.", registry=registry
        )
        self.settlement_retries = Counter(
            "faregate_gateway_settlement_retries", "Settlements that were asked for again.", registry=registry
        )
        self.settlements_failed = Counter(
            "faregate_gateway_settlements_failed",
            "Settlements that the ledger refused for good; their holds end with their leases.",
            registry=registry,
        )
        self.extensions_refused = Counter(
            "faregate_gateway_extensions_refused", "Extensions of holds that wallets did not cover.", registry=registry
        )
        self.bounds_exceeded = Counter(
            "faregate_gateway_bounds_exceeded",
            "Requests of which the engine counted more than was held, and so more than is charged.",
            registry=registry,
        )
        self.stream_endings = Counter(
            "faregate_gateway_stream_endings",
            "Streams by what ended them: complete, client, drain, engine, ledger or wallet.",
            ["reason"],
            registry=registry,
        )
        self.first_word = Histogram(
            "faregate_gateway_first_word_seconds",
            "Seconds from a request's beginning to the first byte of its answer.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.duration = Histogram(
            "faregate_gateway_request_seconds",
            "Seconds from a request's beginning to its end.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.replicas_up = Gauge(
            "faregate_gateway_replicas_up", "Engines to which requests are led.", ["model"], registry=registry
        )
        # A series that is there before its first event: else nobody could tell that it has risen from zero to one.
        for reason in _STREAM_ENDINGS:
            self.stream_endings.labels(reason)
        for model in models:
            self.replicas_up.labels(model)
            self.charged.labels(model)
            self.shortfall.labels(model)

    def count_settlement(self, bill: Bill, settlement: Settlement) -> None:
        counts = bill.counts
        self.tokens.labels(bill.model, "input_tokens").inc(counts.input_tokens)
        self.tokens.labels(bill.model, "cached_input_tokens").inc(counts.cached_input_tokens)
        self.tokens.labels(bill.model, "output_tokens").inc(counts.output_tokens)
        self.charged.labels(bill.model).inc(settlement.charge)
        self.shortfall.labels(bill.model).inc(settlement.shortfall)

    def write(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

"""Whether the gateway may be sent requests."""

from __future__ import annotations

from services.gateway.replicas import Replicas


class Health:
    """Says so to load balancers and playbooks."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self.is_started = False
        """What it needs was there once."""
        self.is_draining = False

    def describe(self) -> tuple[int, str]:
        """Return the status and the text of an answer to /readyz.

        A ledger that is away does not count: all gateways lose it at the same time, and a load balancer without any
        would answer with a page of its own. As it is, each request gets 503 with Retry-After, streams in flight go on
        as far as they are paid, and all of it recovers by itself.
        """
        if self.is_draining:
            return 503, "draining\n"
        if not self.is_started:
            return 503, "starting\n"
        missing = [model for model, up in self._replicas.count_up().items() if not up]
        return (503, f"no engine for {', '.join(missing)}\n") if missing else (200, "ready\n")

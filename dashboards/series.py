"""The names that rules, alerts, panels and runbooks share: what is recorded, and what alerts are called."""

from __future__ import annotations

REPLICAS_WANTED = "faregate:replicas_wanted"
"""How many replicas should run, by `job` and `model`: whoever rolls out records it (`playbooks/templates`)."""
REPLICAS_UP = "faregate:replicas_up"
"""How many of them answer Prometheus, by the same labels; zero, not nothing, where none does."""
OBJECTIVE = "slo:objective:ratio"
"""The share of events (0 to 1) that must be good, by `slo` and `service`."""
BUDGET_LEFT = "slo:error_budget_left:ratio"
"""The share of the error budget of the SLO's window that is left, by `slo` and `service`; below 0 where it is
overspent."""
RUNBOOKS = "runbooks/pages"
"""Where the page of each alert lies, named as the alert."""


def error_ratio(window: str) -> str:
    """Name the share of events (0 to 1) that were bad over a window such as `5m`, by `slo` and `service`."""
    return f"slo:error_ratio:rate{window}"


def name_burn_alert(slo: str) -> str:
    """Name the alert of an SLO whose budget burns too fast: `GatewayAvailabilityBurn` of `gateway-availability`."""
    return "".join(word.capitalize() for word in slo.split("-")) + "Burn"

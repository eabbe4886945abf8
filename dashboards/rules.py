"""Prometheus' rules: what is recorded, and what wakes people."""

from __future__ import annotations

from contract.slo import Slos
from dashboards.alerts import alert_burns, alert_replicas
from dashboards.groups import Group, render
from dashboards.recordings import record_replicas, record_slos


def render_rules(slos: Slos) -> str:
    """Return the text of the file of all rules.

    Raises:
        ContractError: an SLO's service is not known to count good and bad events.
    """
    return render(
        [
            *record_slos(slos),
            Group("slo-alerts", alert_burns(slos)),
            Group("replicas", [*record_replicas(), *alert_replicas()]),
        ]
    )

"""SLOs that a test changes in one place, and the rules that follow from them."""

from __future__ import annotations

from typing import Any

import yaml

from contract.slo import Slos
from dashboards.rules import render_rules


def describe_slos(**changed: object) -> Slos:
    """Return an SLO of each kind; what is given changes the one of availability."""
    slo = {"description": "d", "service": "gateway", "objective": "99.5", "window_days": 7}
    latency = {"kind": "latency", "quantity": "first_token", "threshold_ms": 500, "baseline_multiple": 2.5}
    return Slos.model_validate(
        {
            "slos": {
                "front-door": {**slo, "indicator": {"kind": "availability"}, **changed},
                "first-word": {**slo, "indicator": latency},
            }
        }
    )


def read_groups(slos: Slos) -> dict[str, dict[str, Any]]:
    """Return the groups of the rules by name, as Prometheus reads them."""
    return {group["name"]: group for group in yaml.safe_load(render_rules(slos))["groups"]}


def read_rules(slos: Slos, kind: str) -> list[dict[str, Any]]:
    """Return the rules that `record`, or those that `alert`."""
    return [rule for group in read_groups(slos).values() for rule in group["rules"] if kind in rule]

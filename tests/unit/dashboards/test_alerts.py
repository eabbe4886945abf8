"""Every alert says who is told, what is wrong and what to do; budgets are watched at every pace of the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from contract.documents import read_slos
from dashboards.knobs import BURNS, DOWN_FOR, RUNBOOK_BASE
from dashboards.series import REPLICAS_WANTED

from .samples import describe_slos, read_rules

ALERTS = read_rules(read_slos(), "alert")
REPOSITORY = Path(__file__).parents[3]
PARTS = {"EngineDown": "engine", "GatewayDown": "gateway", "LoadBalancerDown": "load-balancer"}
"""Alerts of replicas that are missing, and what Prometheus calls what they are replicas of."""
TEMPLATES = REPOSITORY / "playbooks" / "templates"
CASES = REPOSITORY / "tests" / "integration" / "dashboards"


def _name(alert: dict[str, Any]) -> str:
    return "-".join([alert["alert"], *filter(None, [alert["labels"].get("long_window")])])


@pytest.mark.parametrize("alert", ALERTS, ids=_name)
def test_an_alert_says_who_is_told_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    name = alert["alert"]

    assert re.fullmatch(r"([A-Z][a-z0-9]+)+", name)
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["labels"]["service"]
    assert set(alert["annotations"]) == {"summary", "description", "runbook", "runbook_url"}
    assert all(alert["annotations"].values())
    assert not any("\n" in text for text in alert["annotations"].values()), "one paragraph, wherever it is shown"
    assert not re.search(r"\b\d+[smhd]\b", alert["annotations"]["summary"] + alert["annotations"]["description"])
    assert alert["annotations"]["runbook"] == f"make runbook ALERT={name}"
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK_BASE}/runbooks/pages/{name}.md"


def test_no_two_alerts_of_a_name_have_the_same_labels() -> None:
    described = [(alert["alert"], *sorted(alert["labels"].items())) for alert in ALERTS]

    assert len(set(described)) == len(described) == len(BURNS) + len(PARTS)


def test_every_alert_fires_in_a_test_of_promtool() -> None:
    fired = {
        case["alertname"]
        for path in CASES.glob("*.yaml")
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }

    assert fired == {alert["alert"] for alert in ALERTS}


def test_the_table_is_the_workbook_s() -> None:
    assert [(str(burn.factor), burn.long, burn.short, burn.severity) for burn in BURNS] == [
        ("14.4", "1h", "5m", "page"),
        ("6", "6h", "30m", "page"),
        ("3", "1d", "2h", "ticket"),
        ("1", "3d", "6h", "ticket"),
    ]


def test_a_budget_is_watched_at_every_pace() -> None:
    burns = [alert for alert in read_rules(describe_slos(), "alert") if alert["alert"] == "FrontDoorBurn"]

    assert [alert["labels"] for alert in burns] == [
        {
            "severity": burn.severity,
            "slo": "front-door",
            "service": "gateway",
            "long_window": burn.long,
            "short_window": burn.short,
        }
        for burn in BURNS
    ]
    assert burns[0]["expr"] == (
        'slo:error_ratio:rate1h{slo="front-door"} > 14.4 * 0.005\n'
        "and\n"
        'slo:error_ratio:rate5m{slo="front-door"} > 14.4 * 0.005'
    )
    assert burns[0]["annotations"]["summary"].endswith(
        "at this pace an error budget of 7 days lasts less than 12 hours"
    )
    assert burns[3]["annotations"]["summary"].endswith("lasts less than 7 days")
    assert (
        "and more than 7.2% in the last 5 minutes. SLO front-door allows 0.5% in 7 days."
        in (burns[0]["annotations"]["description"])
    )
    assert burns[2]["annotations"]["description"].startswith("In 1 day {{ $value")


def test_only_missing_replicas_wait_before_they_wake_somebody() -> None:
    assert {alert["alert"]: alert.get("for") for alert in ALERTS} == {
        "GatewayAvailabilityBurn": None,
        **dict.fromkeys(PARTS, DOWN_FOR),
    }


@pytest.mark.parametrize("alert", PARTS)
def test_missing_replicas_wake_somebody(alert: str) -> None:
    [rule] = [rule for rule in ALERTS if rule["alert"] == alert]

    assert rule["labels"] == {"severity": "page", "service": PARTS[alert]}
    assert set(re.findall(r'job="([^"]+)"', rule["expr"])) == {PARTS[alert]}


def test_every_part_that_is_watched_is_read_and_wanted_under_the_same_name() -> None:
    workloads = [{"name": job, "image": job, "alias": "tiny", "replicas": 3} for job in (*PARTS.values(), "database")]
    template = Environment(trim_blocks=True, autoescape=True).from_string((TEMPLATES / "wanted.yaml.j2").read_text())
    [group] = yaml.safe_load(template.render(workloads=workloads))["groups"]
    scraped = re.findall(r"job_name: (.+)", (TEMPLATES / "prometheus.yml.j2").read_text())

    assert set(PARTS.values()) <= set(scraped)
    assert group["rules"] == [
        {
            "record": REPLICAS_WANTED,
            "expr": "vector(3)",
            "labels": {"job": job, **({"model": "tiny"} if job == "engine" else {})},
        }
        for job in PARTS.values()
    ]

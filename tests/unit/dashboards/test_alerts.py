"""Every alert says who is told, what is wrong and what to do; budgets are watched at every pace of the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.documents import read_slos
from dashboards.knobs import BURNS, ENGINE_DOWN_FOR, RUNBOOK_BASE

from .samples import describe_slos, read_rules

ALERTS = read_rules(read_slos(), "alert")
CASES = Path(__file__).parents[2] / "integration" / "dashboards"


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
    assert alert["annotations"]["runbook"] == f"make runbook ALERT={name}"
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK_BASE}/runbooks/pages/{name}.md"


def test_no_two_alerts_of_a_name_have_the_same_labels() -> None:
    described = [(alert["alert"], *sorted(alert["labels"].items())) for alert in ALERTS]

    assert len(set(described)) == len(described) == len(BURNS) + 1


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
    assert (
        "SLO front-door allows 0.5 %; at 14.4 times that the budget lasts 12 hours"
        in (burns[0]["annotations"]["description"])
    )


def test_only_engines_wait_before_they_wake_somebody() -> None:
    assert {alert["alert"]: alert.get("for") for alert in ALERTS} == {
        "GatewayAvailabilityBurn": None,
        "EngineDown": ENGINE_DOWN_FOR,
    }

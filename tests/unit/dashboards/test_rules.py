"""What is recorded follows from the SLOs, and from nothing else."""

from __future__ import annotations

import re

import pytest
import yaml

from contract.problems import ContractError
from dashboards.groups import Group, render
from dashboards.series import BUDGET_LEFT, OBJECTIVE, REPLICAS_UP, error_ratio

from .samples import describe_slos, read_groups, read_rules

WINDOWS = ("1m", "5m", "30m", "1h", "2h", "6h", "1d", "3d")
LOOKBACK_SECONDS = 300
"""For how long Prometheus takes a sample for the present, unless it is told otherwise."""
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _count_seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


def test_an_slo_of_availability_is_recorded_under_its_name_and_service_and_latency_is_not() -> None:
    recorded = {rule["record"]: rule.get("labels") for rule in read_rules(describe_slos(), "record")}

    labels = {"slo": "front-door", "service": "gateway"}
    names = [OBJECTIVE, BUDGET_LEFT, *map(error_ratio, WINDOWS)]
    assert recorded == {**dict.fromkeys(names, labels), REPLICAS_UP: None}


def test_objective_and_window_are_the_slo_s() -> None:
    rules = {rule["record"]: rule["expr"] for rule in read_rules(describe_slos(), "record")}

    assert rules[OBJECTIVE] == "vector(0.995)"
    assert set(re.findall(r"\[(\w+)\]", rules[BUDGET_LEFT])) == {"7d"}
    assert rules[BUDGET_LEFT].endswith(" / 0.005")


@pytest.mark.parametrize("window", WINDOWS)
def test_an_error_ratio_looks_at_its_window_only(window: str) -> None:
    [rule] = [rule for rule in read_rules(describe_slos(), "record") if rule["record"] == error_ratio(window)]

    assert set(re.findall(r"\[(\w+)\]", rule["expr"])) == {window}


def test_long_windows_are_evaluated_rarely_and_yet_before_prometheus_forgets_them() -> None:
    groups = read_groups(describe_slos()).values()
    intervals = {rule.get("record"): group.get("interval", "") for group in groups for rule in group["rules"]}

    assert [intervals[error_ratio(window)] for window in ("1m", "5m", "30m", "1h")] == [""] * 4
    assert all(
        _count_seconds(intervals[name]) >= 30 for name in (BUDGET_LEFT, *map(error_ratio, ("2h", "6h", "1d", "3d")))
    )
    assert all(2 * _count_seconds(interval) < LOOKBACK_SECONDS for interval in intervals.values() if interval)


def test_a_service_that_nobody_counts_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ContractError) as refused:
        read_groups(describe_slos(service="gatway"))

    assert str(refused.value) == (
        "stacks/slo.yaml: slos.front-door.service: given 'gatway' (a string); allowed: "
        "a service whose good and bad events are counted: one of gateway (did you mean gateway?)"
    )


def test_a_group_without_rules_is_left_out() -> None:
    assert render([Group("empty", [])]).endswith("groups: []\n")


def test_text_of_several_lines_stays_readable() -> None:
    assert "expr: |-\n          a\n          or\n          b\n" in render([Group("x", [{"expr": "a\nor\nb"}])])


def test_a_long_paragraph_is_written_on_several_lines_and_read_as_one() -> None:
    paragraph = " ".join(f"word{number}" for number in range(60))
    text = render([Group("x", [{"description": paragraph}])])

    assert max(map(len, text.splitlines())) <= 120
    assert yaml.safe_load(text)["groups"][0]["rules"] == [{"description": paragraph}]

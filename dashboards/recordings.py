"""The recording rules: what alerts and dashboards read instead of computing it again."""

from __future__ import annotations

from collections.abc import Mapping

from contract.problems import ContractError, Problem, describe_given, list_allowed
from contract.slo import Availability, Slo, Slos
from dashboards.groups import Group, Rule
from dashboards.indicators import AVAILABILITY, Indicator
from dashboards.knobs import BUDGET_EVALUATED_EVERY, BURNS, EVALUATED_EVERY, JUST_NOW
from dashboards.series import BUDGET_LEFT, OBJECTIVE, REPLICAS_UP, REPLICAS_WANTED, error_ratio

WINDOWS = tuple(dict.fromkeys([JUST_NOW, *(burn.short for burn in BURNS), *(burn.long for burn in BURNS)]))
"""The windows over which runbooks and alerts look at an error ratio."""


def record_slos(slos: Slos) -> list[Group]:
    """Return the rules of what is promised: objectives, error ratios, and what is left of error budgets.

    Raises:
        ContractError: an SLO's service is not known to count good and bad events.
    """
    promised = select_availability(slos)
    indicators = {name: _find_indicator(name, slo) for name, slo in promised.items()}
    groups = {"": [_record(OBJECTIVE, f"vector({slo.objective / 100})", name, slo) for name, slo in promised.items()]}
    for window in WINDOWS:
        groups.setdefault(EVALUATED_EVERY.get(window, ""), []).extend(
            _record(error_ratio(window), indicators[name].ratio(window), name, slo) for name, slo in promised.items()
        )
    groups.setdefault(BUDGET_EVALUATED_EVERY, []).extend(
        _record(BUDGET_LEFT, _measure_budget(slo, indicators[name]), name, slo) for name, slo in promised.items()
    )
    return [
        Group(f"slo-every-{interval}" if interval else "slo", rules, interval) for interval, rules in groups.items()
    ]


def record_replicas() -> list[Rule]:
    """Return the rule of how many replicas answer."""
    expression = f"""\
count by (job, model) (up == 1) and on (job, model) {REPLICAS_WANTED}
or
0 * max by (job, model) ({REPLICAS_WANTED})"""
    return [{"record": REPLICAS_UP, "expr": expression}]


def select_availability(slos: Slos) -> Mapping[str, Slo]:
    """Return the SLOs that promise answers without a server error; latency is not recorded yet."""
    return {name: slo for name, slo in slos.slos.items() if isinstance(slo.indicator, Availability)}


def _find_indicator(name: str, slo: Slo) -> Indicator:
    try:
        return AVAILABILITY[slo.service]
    except KeyError:
        allowed = f"a service whose good and bad events are counted: {list_allowed(AVAILABILITY, slo.service)}"
        problem = Problem(f"slos.{name}.service", describe_given(slo.service), allowed)
        raise ContractError("stacks/slo.yaml", [problem]) from None


def _measure_budget(slo: Slo, indicator: Indicator) -> str:
    return f"1 - {indicator.ratio(f'{slo.window_days}d')} / {slo.error_budget}"


def _record(series: str, expression: str, name: str, slo: Slo) -> Rule:
    return {"record": series, "expr": expression, "labels": {"slo": name, "service": slo.service}}

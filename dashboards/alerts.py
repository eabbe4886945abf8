"""The alerting rules: what wakes people, and what it tells them."""

from __future__ import annotations

from collections.abc import Iterable

from contract.slo import Slo, Slos
from dashboards.groups import Rule
from dashboards.knobs import BURNS, ENGINE_DOWN_FOR, RUNBOOK_BASE, Burn, Severity
from dashboards.recordings import select_availability
from dashboards.series import BUDGET_LEFT, REPLICAS_UP, REPLICAS_WANTED, RUNBOOKS, error_ratio, name_burn_alert


def alert_burns(slos: Slos) -> list[Rule]:
    """Return an alert for each availability SLO and each pace at which its budget burns too fast."""
    return [_alert_burn(name, slo, burn) for name, slo in select_availability(slos).items() for burn in BURNS]


def alert_engines() -> Rule:
    """Return the alert of each model of which fewer engines answer than are wanted.

    An engine that was killed is no target any more: it is not down, it is gone. So those that answer are counted.
    """
    wanted = f"printf \"{REPLICAS_WANTED}{{job='engine',model='%s'}}\" $labels.model | query"
    return _alert(
        "EngineDown",
        expression=f'{REPLICAS_UP}{{job="engine"}} < on (job, model) {REPLICAS_WANTED}{{job="engine"}}',
        severity="page",
        labels={"service": "engine"},
        summary="Engines of model {{ $labels.model }} are down",
        description=(
            f"For {ENGINE_DOWN_FOR} only {{{{ $value }}}} of",
            f"{{{{ with {wanted} }}}}{{{{ . | first | value }}}}{{{{ end }}}}",
            "engines of model {{ $labels.model }} have answered.",
            "{{ if eq $value 0.0 }}No request to it is answered.{{ else }}The others carry its requests.{{ end }}",
        ),
        hold=ENGINE_DOWN_FOR,
    )


def _alert_burn(name: str, slo: Slo, burn: Burn) -> Rule:
    budget = f"{burn.factor} * {slo.error_budget}"
    selector = f'{{slo="{name}"}}'
    spent = f"{slo.window_days * 24 / burn.factor:.0f} hours"
    left = f"query \"{BUDGET_LEFT}{{slo='{name}'}}\""
    return _alert(
        name_burn_alert(name),
        expression=(
            f"{error_ratio(burn.long)}{selector} > {budget}\nand\n{error_ratio(burn.short)}{selector} > {budget}"
        ),
        severity=burn.severity,
        labels={"slo": name, "service": slo.service, "long_window": burn.long, "short_window": burn.short},
        summary=f"Requests to service {slo.service} fail: its error budget of {slo.window_days} days lasts {spent}",
        description=(
            f"{{{{ $value | humanizePercentage }}}} of the requests to service {slo.service} failed",
            f"in the last {burn.long}, and they still fail in the last {burn.short}.",
            f"SLO {name} allows {100 - slo.objective} %; at {burn.factor} times that the budget lasts {spent} at most.",
            f"{{{{ with {left} }}}}{{{{ . | first | value | humanizePercentage }}}} of it is left.{{{{ end }}}}",
        ),
    )


def _alert(
    name: str,
    *,
    expression: str,
    severity: Severity,
    labels: dict[str, str],
    summary: str,
    description: Iterable[str],
    hold: str = "",
) -> Rule:
    """Return a rule whose description is made of lines, and which fires after it was true for `hold`."""
    return {
        "alert": name,
        "expr": expression,
        **({"for": hold} if hold else {}),
        "labels": {"severity": severity, **labels},
        "annotations": {
            "summary": summary,
            "description": "\n".join(description),
            "runbook": f"make runbook ALERT={name}",
            "runbook_url": f"{RUNBOOK_BASE}/{RUNBOOKS}/{name}.md",
        },
    }

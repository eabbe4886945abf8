"""The alerting rules: what wakes people, and what it tells them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from contract.slo import Slo, Slos
from dashboards.groups import Rule
from dashboards.knobs import BURNS, DOWN_FOR, RUNBOOK_BASE, Burn, Severity
from dashboards.recordings import select_availability
from dashboards.series import BUDGET_LEFT, REPLICAS_UP, REPLICAS_WANTED, RUNBOOKS, error_ratio, name_burn_alert

_UNITS = {"m": "minute", "h": "hour", "d": "day"}
"""What Prometheus' units of time are called."""
_SHARE_LEFT = (
    "{{ if gt (. | first | value) 0.0 }}{{ . | first | value | humanizePercentage }}{{ else }}Nothing{{ end }}"
)
"""Writes the share of a budget that a query of a template found; what is overspent is nothing."""


@dataclass(frozen=True)
class _Part:
    """What runs as replicas, of which all that are wanted should answer."""

    alert: str
    job: str
    """What Prometheus and the playbook call it."""
    called: str
    """What people call its replicas."""
    none: str
    """What it means to customers that none answers."""
    some: str
    """What it means to them that some do."""


_PARTS = (
    _Part(
        alert="EngineDown",
        job="engine",
        called="engines of model {{ $labels.model }}",
        none="No request to it is answered.",
        some="The others carry its requests.",
    ),
    _Part(
        alert="GatewayDown",
        job="gateway",
        called="gateways",
        none="Every request is refused with status 503.",
        some="The others carry all requests.",
    ),
    _Part(
        alert="LoadBalancerDown",
        job="load-balancer",
        called="load balancers",
        none="No customer gets a connection.",
        some="The others take all connections.",
    ),
)


def alert_burns(slos: Slos) -> list[Rule]:
    """Return an alert for each availability SLO and each pace at which its budget burns too fast."""
    return [_alert_burn(name, slo, burn) for name, slo in select_availability(slos).items() for burn in BURNS]


def alert_replicas() -> list[Rule]:
    """Return an alert for each part of which fewer replicas answer than are wanted.

    A replica that was killed is no target any more: it is not down, it is gone. So those that answer are counted. Each
    wakes somebody, however many are left: nothing but a playbook that somebody runs replaces a container.
    """
    return [_alert_part(part) for part in _PARTS]


def _alert_part(part: _Part) -> Rule:
    selector = f'{{job="{part.job}"}}'
    wanted = f"printf \"{REPLICAS_WANTED}{{job='{part.job}',model='%s'}}\" $labels.model | query"
    return _alert(
        part.alert,
        expression=f"{REPLICAS_UP}{selector} < on (job, model) {REPLICAS_WANTED}{selector}",
        severity="page",
        labels={"service": part.job},
        summary=f"{part.called[0].upper()}{part.called[1:]} are down",
        description=(
            f"For at least {_spell(DOWN_FOR)} only {{{{ $value }}}} of",
            f"{{{{ with {wanted} }}}}{{{{ . | first | value }}}}{{{{ end }}}}",
            f"{part.called} have answered.",
            f"{{{{ if eq $value 0.0 }}}}{part.none}{{{{ else }}}}{part.some}{{{{ end }}}}",
        ),
        hold=DOWN_FOR,
    )


def _alert_burn(name: str, slo: Slo, burn: Burn) -> Rule:
    budget = f"{burn.factor} * {slo.error_budget}"
    selector = f'{{slo="{name}"}}'
    left = f"query \"{BUDGET_LEFT}{{slo='{name}'}}\""
    return _alert(
        name_burn_alert(name),
        expression=(
            f"{error_ratio(burn.long)}{selector} > {budget}\nand\n{error_ratio(burn.short)}{selector} > {budget}"
        ),
        severity=burn.severity,
        labels={"slo": name, "service": slo.service, "long_window": burn.long, "short_window": burn.short},
        summary=(
            f"Requests to service {slo.service} fail: at this pace an error budget of {slo.window_days} days "
            f"lasts less than {_spell_spending(slo, burn)}"
        ),
        description=(
            f"In {_spell(burn.long)} {{{{ $value | humanizePercentage }}}} of the requests to service {slo.service}",
            f"failed, and more than {_write_percent(burn.factor * slo.error_budget)} in the last {_spell(burn.short)}.",
            f"SLO {name} allows {_write_percent(slo.error_budget)} in {slo.window_days} days.",
            f"{{{{ with {left} }}}}{_SHARE_LEFT} of that is left.{{{{ end }}}}",
        ),
    )


def _spell_spending(slo: Slo, burn: Burn) -> str:
    """Say how long a whole budget lasts at this pace: in hours, rounded up, or in days if it is whole ones."""
    hours = int((slo.window_days * 24 / burn.factor).to_integral_value(ROUND_CEILING))
    return _spell(f"{hours}h") if hours % 24 else _spell(f"{hours // 24}d")


def _write_percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"


def _spell(duration: str) -> str:
    """Say in words how long a duration of Prometheus' is: `1 hour`, `5 minutes`."""
    number, unit = int(duration[:-1]), _UNITS[duration[-1]]
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


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
    """Return a rule whose description is one paragraph, and which fires after it was true for `hold`."""
    return {
        "alert": name,
        "expr": expression,
        **({"for": hold} if hold else {}),
        "labels": {"severity": severity, **labels},
        "annotations": {
            "summary": summary,
            "description": " ".join(description),
            "runbook": f"make runbook ALERT={name}",
            "runbook_url": f"{RUNBOOK_BASE}/{RUNBOOKS}/{name}.md",
        },
    }

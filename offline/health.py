"""What `make status` checks: the parts that an instance consists of."""

from __future__ import annotations

from collections.abc import Iterator

from offline import simulation
from offline.alerts import AlertsUnknown, list_firing
from offline.doctor import Finding
from offline.failures import KNOWN_FAILURES
from offline.instance import Home
from offline.playbook import Outcome, run_playbook
from offline.tools import open_podman, open_stack, prepare_environment, require_cli


def examine_parts(home: Home) -> list[Finding]:
    """Return a finding for each part of an instance that exists."""
    return [_find_simulation(home), _find_stack(home), *_find_replicas(home), _find_alerts(home)]


def _find_simulation(home: Home) -> Finding:
    port = home.read().ports.simulation
    try:
        running = simulation.is_running(home, open_podman())
    except KNOWN_FAILURES as error:
        return Finding("simulated AWS", False, str(error))
    return Finding("simulated AWS", running, f"127.0.0.1:{port}" if running else "does not answer: run `make up`")


def _find_stack(home: Home) -> Finding:
    try:
        stack = open_stack(home, require_cli())
        if not stack.exists():
            return Finding("stack", False, "not made yet: run `make up`")
        if pending := stack.pending_operations():
            return Finding("stack", False, f"{len(pending)} interrupted operation(s): run `make up`")
        outputs = stack.outputs()
    except KNOWN_FAILURES as error:
        return Finding("stack", False, str(error))
    return Finding("stack", True, f"{outputs.environment} in {outputs.region}, outputs as the contract says")


def _find_replicas(home: Home) -> list[Finding]:
    """Ask the playbook that knows what should run."""
    try:
        outcome = run_playbook("status.yml", home, prepare_environment(home, require_cli()), lambda _line: None)
    except KNOWN_FAILURES as error:
        return [Finding("containers", False, str(error))]
    return sorted(_read_findings(outcome), key=lambda finding: finding.subject)


def _find_alerts(home: Home) -> Finding:
    """Say which alerts fire. They look back, some of them for days, so they do not make healthy parts unhealthy."""
    try:
        firing = list_firing(home.read().ports.alerts)
    except AlertsUnknown as error:
        return Finding("alerts", False, f"{error}: run `make up`")
    calls = (f"{name} fires: `make runbook ALERT={name}`" for name in firing)
    return Finding("alerts", True, "; ".join(calls) or "none fires")


def _read_findings(outcome: Outcome) -> Iterator[Finding]:
    """Return a finding for each replica that `podman_replicas` returned."""
    for result in outcome.results:
        for name in result.get("ready", ()):
            yield Finding(name, True, "answers its probe")
        for replica in result.get("unfit", ()):
            yield Finding(replica["name"], False, f"{replica['reason']}: run `make up`")
        for name in result.get("surplus", ()):
            yield Finding(name, False, "is more than the spec names: run `make up`")

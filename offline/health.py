"""What `make status` checks: the parts that an instance consists of."""

from __future__ import annotations

from offline import simulation
from offline.doctor import Finding
from offline.failures import KNOWN_FAILURES
from offline.instance import Home
from offline.tools import open_stack, require_cli


def examine_parts(home: Home) -> list[Finding]:
    """Return a finding for each part of an instance that exists."""
    return [_find_simulation(home), _find_stack(home)]


def _find_simulation(home: Home) -> Finding:
    port = home.read().ports.simulation
    running = simulation.is_running(home)
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

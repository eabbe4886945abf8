"""A Prometheus of the test's own, and an environment whose Prometheus it is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from contract.outputs import Outputs
from dashboards.page import __main__ as command
from tests.unit.dashboards.fake_prometheus import FakePrometheus, run_prometheus
from tests.unit.outputs import OUTPUTS

# Consoles look at these as soon as their module is imported, which is after this one is.
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with run_prometheus() as running:
        yield running


@pytest.fixture
def asked(prometheus: FakePrometheus, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the environments whose outputs were asked for; their Prometheus is the test's."""
    asked: list[str] = []

    def ask_outputs(environment: str) -> Outputs:
        asked.append(environment)
        return Outputs.model_validate({**OUTPUTS, "environment": environment, "metrics_url": prometheus.url})

    monkeypatch.setattr(command, "ask_outputs", ask_outputs)
    return asked

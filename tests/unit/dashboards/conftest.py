"""A Prometheus of the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.unit.dashboards.fake_prometheus import FakePrometheus, run_prometheus

# Consoles look at these as soon as their module is imported, which is after this one is.
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with run_prometheus() as running:
        yield running

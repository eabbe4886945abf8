"""Tests of the load tests: Locust's import leaves this process as it is."""

from __future__ import annotations

import os

import hypothesis

from tests.unit.loadtests import unpatched  # noqa: F401  # before the tests, which import Locust

# A deadline would make the speed of the machine a part of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Consoles look at these as soon as their module is imported, which is after this one is.
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)

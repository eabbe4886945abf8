"""Tests of the load tests: Locust's import leaves this process as it is."""

from __future__ import annotations

import hypothesis

from tests.unit.loadtests import unpatched  # noqa: F401  # before the tests, which import Locust

# A deadline would make the speed of the machine a part of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

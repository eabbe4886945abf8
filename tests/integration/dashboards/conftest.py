from __future__ import annotations

import pytest

from tests.promtool import Promtool, make_promtool


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    return make_promtool()

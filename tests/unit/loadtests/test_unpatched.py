"""Tests of the load tests share a process with others, whose sockets and threads are none of Locust's."""

from __future__ import annotations

import sys

import pytest
from gevent import monkey


@pytest.mark.parametrize("module", ["socket", "threading", "time", "ssl", "subprocess", "select"])
def test_locust_leaves_this_process_as_it_is(module: str) -> None:
    assert "locust" in sys.modules
    assert not monkey.is_module_patched(module)

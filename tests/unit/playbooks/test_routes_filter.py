"""Filter `unrouted`: which addresses a router does not lead to."""

from __future__ import annotations

import pytest

from .filters import load_filter

unrouted = load_filter("routes", "unrouted")

HAPROXY = """\
# pxname,svname,qcur,status,weight,addr,
entrance,FRONTEND,,OPEN,,,
replicas,replicas1,0,UP,1,10.89.0.4:8000,
replicas,replicas2,0,UP 1/3,1,10.89.0.5:8000,
replicas,replicas3,0,DOWN,1,10.89.0.6:8000,
replicas,replicas4,0,DOWN 1/2,1,10.89.0.7:8000,
replicas,replicas5,0,MAINT (resolution),1,,
replicas,BACKEND,0,UP,4,,
"""


def test_an_address_that_is_up_is_routed() -> None:
    assert unrouted(["10.89.0.4:8000", "10.89.0.5:8000"], HAPROXY) == []


@pytest.mark.parametrize("address", ["10.89.0.6:8000", "10.89.0.7:8000", "10.89.0.8:8000", "10.89.0.4:80"])
def test_an_address_that_is_not_up_or_not_there_is_unrouted(address: str) -> None:
    assert unrouted([address, "10.89.0.4:8000"], HAPROXY) == [address]


@pytest.mark.parametrize("table", ["", "<html>", "a,b\n", "addr\n10.89.0.4:8000\n", "status\nUP\n"])
def test_what_is_no_such_table_leads_nowhere(table: str) -> None:
    assert unrouted(["10.89.0.4:8000"], table) == ["10.89.0.4:8000"]


def test_nothing_is_awaited_where_nothing_stays() -> None:
    assert unrouted([], "") == []

"""An address space is divided so that zones are alike, never overlap, and stay where they are as zones are added."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.subnets import MOST_ZONES, ZoneSubnets, check_network, divide

RANGES = [IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


@st.composite
def networks(draw: st.DrawFn) -> str:
    """A private network of an allowed size."""
    prefix = draw(st.integers(16, 20))
    whole = draw(st.sampled_from(RANGES))
    index = draw(st.integers(0, 2 ** (prefix - whole.prefixlen) - 1))
    return f"{whole.network_address + index * 2 ** (32 - prefix)}/{prefix}"


zone_counts = st.integers(1, MOST_ZONES)


def list_subnets(zones: list[ZoneSubnets]) -> list[IPv4Network]:
    return [IPv4Network(text) for zone in zones for text in (zone.public, zone.private, zone.database)]


@given(networks(), zone_counts)
def test_no_two_subnets_overlap(cidr: str, zones: int) -> None:
    subnets = list_subnets(divide(cidr, zones))
    assert len(subnets) == 3 * zones
    assert not any(one.overlaps(other) for one, other in itertools.combinations(subnets, 2))


@given(networks(), zone_counts)
def test_every_subnet_lies_inside_of_the_network(cidr: str, zones: int) -> None:
    assert all(subnet.subnet_of(IPv4Network(cidr)) for subnet in list_subnets(divide(cidr, zones)))


@given(networks(), st.integers(1, MOST_ZONES - 1))
def test_another_zone_never_moves_those_that_were_there(cidr: str, zones: int) -> None:
    assert divide(cidr, zones + 1)[:zones] == divide(cidr, zones)


@given(networks(), zone_counts)
def test_a_zone_is_a_quarter_of_which_pods_get_half_and_the_others_an_eighth_each(cidr: str, zones: int) -> None:
    block = IPv4Network(cidr).num_addresses // MOST_ZONES
    for zone in divide(cidr, zones):
        sizes = [IPv4Network(text).num_addresses for text in (zone.private, zone.public, zone.database)]
        assert sizes == [block // 2, block // 8, block // 8]


@given(networks())
def test_the_smallest_subnet_is_large_enough_for_aws(cidr: str) -> None:
    # A load balancer needs 8 free addresses and AWS keeps 5 of each subnet: /27 at least.
    assert min(subnet.num_addresses for subnet in list_subnets(divide(cidr, MOST_ZONES))) >= 32


def test_the_documented_network_is_divided_like_this() -> None:
    assert divide("10.40.0.0/16", 2) == [
        ZoneSubnets(public="10.40.32.0/21", private="10.40.0.0/19", database="10.40.40.0/21"),
        ZoneSubnets(public="10.40.96.0/21", private="10.40.64.0/19", database="10.40.104.0/21"),
    ]


@pytest.mark.parametrize("zones", [0, -1, MOST_ZONES + 1])
def test_a_number_of_zones_that_there_is_no_room_for_is_refused(zones: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 4 zones, not {zones}"):
        divide("10.40.0.0/16", zones)


@given(networks())
def test_an_allowed_network_is_returned(cidr: str) -> None:
    assert check_network(cidr) == IPv4Network(cidr)


def is_accepted(cidr: str) -> bool:
    try:
        check_network(cidr)
    except ValueError as error:
        return "a private IPv4 network with a prefix length of 16 to 20" not in str(error)
    return True


# Everywhere, and on both sides of the borders of what is private.
addresses = st.integers(0, 2**32 - 1) | st.sampled_from(RANGES).flatmap(
    lambda whole: st.integers(int(whole.network_address) - 2**16, int(whole.broadcast_address) + 2**16)
)


@given(addresses, st.integers(0, 32) | st.integers(16, 20))
def test_exactly_the_private_networks_of_an_allowed_size_are_accepted(address: int, prefix: int) -> None:
    network = IPv4Network((address, prefix), strict=False)
    is_private = any(network.subnet_of(whole) for whole in RANGES)
    assert is_accepted(str(network)) == (is_private and 16 <= prefix <= 20)


@pytest.mark.parametrize("cidr", ["8.8.0.0/16", "10.0.0.0/8", "nonsense"])
def test_a_network_that_is_not_allowed_is_not_divided(cidr: str) -> None:
    with pytest.raises(ValueError, match="a private IPv4 network"):
        divide(cidr, 2)

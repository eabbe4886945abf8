"""How an environment's address space is divided. Pure arithmetic.

Each zone gets one block. Half of a block is the private subnet (pods and nodes: the VPC CNI gives every pod an
address), an eighth the public one (load balancer), an eighth the database's; the rest stays free for later.
"""

from __future__ import annotations

import dataclasses
import ipaddress

PREFIXES = range(16, 21)
"""Allowed prefix lengths of a VPC: larger than /16 is refused by AWS, smaller than /20 leaves pods no addresses."""

PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""RFC 1918. `is_private` of the standard library also means loopback, link-local and reserved networks."""

MOST_ZONES = 4
"""Blocks that an address space is cut into; fixed, so that a third zone never moves the first two."""


@dataclasses.dataclass(frozen=True)
class ZoneSubnets:
    """The CIDRs of one availability zone."""

    public: str
    private: str
    database: str


def check_network(cidr: str) -> ipaddress.IPv4Network:
    """Return the network.

    Raises:
        ValueError: not a private IPv4 network of an allowed size; the text says what is allowed.
    """
    allowed = (
        f"a private IPv4 network with a prefix length of {PREFIXES.start} to {PREFIXES.stop - 1}, like 10.40.0.0/16"
    )
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(f"{allowed} ({error})") from None
    # AWS reads the text as it is, so a netmask in place of the prefix length is no other way to write it.
    is_plain = cidr == str(network)
    if not is_plain or network.prefixlen not in PREFIXES or not any(map(network.subnet_of, PRIVATE)):
        raise ValueError(allowed)
    return network


def divide(cidr: str, zones: int) -> list[ZoneSubnets]:
    """Return the subnets of the first `zones` availability zones; none overlap.

    Raises:
        ValueError: the network is not allowed, or there are more zones than blocks.
    """
    if not 1 <= zones <= MOST_ZONES:
        raise ValueError(f"1 to {MOST_ZONES} zones, not {zones}")
    blocks = list(check_network(cidr).subnets(prefixlen_diff=2))[:zones]
    return [_divide_block(block) for block in blocks]


def _divide_block(block: ipaddress.IPv4Network) -> ZoneSubnets:
    private, rest = block.subnets(prefixlen_diff=1)
    public, database, *_ = rest.subnets(prefixlen_diff=2)
    return ZoneSubnets(public=str(public), private=str(private), database=str(database))

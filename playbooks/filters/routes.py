"""Ansible filter `unrouted`: which addresses a router does not lead to."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable


def list_unrouted(addresses: Iterable[str], table: str) -> list[str]:
    """Return the addresses to which nobody is led.

    Args:
        addresses: `host:port` each.
        table: comma-separated values with the columns `addr` and `status`, as HAProxy's statistics are: one is led to
            where the status is `UP`, with or without more words. https://docs.haproxy.org/2.6/management.html#9.1
    """
    rows = csv.DictReader(table.removeprefix("# ").splitlines())
    routed = {row.get("addr") for row in rows if (row.get("status") or "").split(" ")[0] == "UP"}
    return sorted(set(addresses) - routed)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"unrouted": list_unrouted}

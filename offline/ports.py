"""Ports on this machine's loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

import psutil

# Below the range that Linux hands out to outgoing connections, so that a port stays free until it is used.
CHOICES = range(20000, 32000)


class PortTaken(Exception):
    """A port that an instance wants is another's; the text says whose, and what to do."""

    def __init__(self, port: int, role: str, keeper: str = "") -> None:
        """Keep who has the port: `keeper` where an instance keeps it for itself, else the process that listens."""
        owner = keeper or _find_owner(port)
        by = f" by {owner}" if owner else ""
        # PORT= is the gateway's; the others are chosen when the instance is made.
        advice = (
            f"choose another, such as PORT={choose_port(())}"
            if role == "gateway"
            else "end that, or remove the instance (make down) and make it anew"
        )
        super().__init__(f"port {port} ({role}) is {'kept' if keeper else 'in use'}{by}; {advice}")
        self.port = port


def is_free(port: int) -> bool:
    """Say whether a server could listen on 127.0.0.1 at this port now."""
    with socket.socket() as probe:
        # As servers do: a connection that lingers from a stopped one does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(taken: Collection[int]) -> int:
    """Return a free port at random that is not among `taken`.

    Raises:
        RuntimeError: none is free.
    """
    for port in random.sample(CHOICES, len(CHOICES)):
        if port not in taken and is_free(port):
            return port
    raise RuntimeError(f"no port from {CHOICES.start} to {CHOICES.stop - 1} is free")


def _find_owner(port: int) -> str:
    """Return the process that listens on a port, or nothing where this user may not know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return ""

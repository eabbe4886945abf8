"""The socket on which llama.cpp listens, which it does not hand out."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

CLOSE_SECONDS = 1
"""Longest wait for a port to be closed; it takes a millisecond."""


def is_open(port: int) -> bool:
    """Say whether this process listens on the TCP port."""
    return _find(port) is not None


def close(port: int) -> None:
    """Refuse new connections to the TCP port; those that exist go on.

    llama.cpp breaks off its streams as soon as its own socket is closed, so it gets another in its place: one that
    has no address, where nobody connects.
    """
    descriptor = _find(port)
    if descriptor is None:
        return
    with socket.socket(socket.AF_UNIX) as unreachable:
        unreachable.bind("")
        unreachable.listen()
        address = _name(descriptor)
        os.dup2(unreachable.fileno(), descriptor)
    # The old one is closed when the call that waits for a connection returns, hence with one more.
    deadline = time.monotonic() + CLOSE_SECONDS
    while not _refuses(address) and time.monotonic() < deadline:
        pass


def _refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=CLOSE_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # reset: it was closed meanwhile
        return False
    return False


def _find(port: int) -> int | None:
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if entry.readlink().name.startswith("socket:") and _listens(int(entry.name), port):
                return int(entry.name)
    return None


def _listens(descriptor: int, port: int) -> bool:
    opened = socket.socket(fileno=descriptor)
    try:
        return (
            opened.family in (socket.AF_INET, socket.AF_INET6)
            and opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            and opened.getsockname()[1] == port
        )
    finally:
        opened.detach()


def _name(descriptor: int) -> tuple[str, int]:
    opened = socket.socket(fileno=descriptor)
    try:
        host, port = opened.getsockname()[:2]
        return str(host), int(port)
    finally:
        opened.detach()

"""The socket on which llama.cpp listens, which it does not hand out."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from services.engine.failures import ServingFailed

BACKLOG = 512
"""Connections that wait until they are taken, as many as llama.cpp has."""

CLOSE_SECONDS = 1
"""Longest wait for a port to be closed; it takes a millisecond."""


def reserve(address: str, port: int) -> socket.socket:
    """Return a socket that has the TCP address and refuses connections until somebody listens on it.

    Raises:
        ServingFailed: the address can't be had.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    reserved = socket.socket(family)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a predecessor may linger
    try:
        reserved.bind((address, port))
    except OSError as error:
        reserved.close()
        raise _describe(address, port, error) from None
    return reserved


def move(port: int, reserved: socket.socket) -> None:
    """Have what listens on the TCP port listen on the reserved socket instead.

    So nobody who looks for the engine meets it while llama.cpp loads, which listens and answers 503 meanwhile.

    Raises:
        ServingFailed: another process listens on the address by now.
    """
    with reserved:
        try:
            reserved.listen(BACKLOG)
        except OSError as error:
            address, taken = reserved.getsockname()[:2]
            raise _describe(address, taken, error) from None
        _replace(port, reserved)


def is_open(port: int) -> bool:
    """Say whether this process listens on the TCP port."""
    return _find(port) is not None


def close(port: int) -> None:
    """Refuse new connections to the TCP port; those that exist go on.

    llama.cpp breaks off its streams as soon as its own socket is closed, so it gets another in its place: one that
    has no address, where nobody connects.
    """
    with socket.socket(socket.AF_UNIX) as unreachable:
        unreachable.bind("")
        unreachable.listen()
        _replace(port, unreachable)


def _describe(address: str, port: int, error: OSError) -> ServingFailed:
    return ServingFailed(
        f"ENGINE_ADDRESS, ENGINE_PORT: given {address}, {port}; allowed: what is this machine's and free: "
        f"{error.strerror}"
    )


def _replace(port: int, other: socket.socket) -> None:
    descriptor = _find(port)
    if descriptor is None:
        return
    address = _name(descriptor)
    os.dup2(other.fileno(), descriptor)
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

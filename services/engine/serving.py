"""The time in which the engine serves, and its end."""

from __future__ import annotations

import socket
import time

from services.engine import listener
from services.engine.failures import ServingFailed
from services.engine.llama import Llama, count_requests, find_port
from services.engine.settings import Settings
from services.engine.signals import Stopped
from services.engine.words import say

WATCH_SECONDS = 1
QUIET_SECONDS = 0.5
"""How long there must be no request: one that was just read or just answered is not counted."""


def serve(server: Llama, entrance: socket.socket, settings: Settings) -> None:
    """Serve at the entrance until `Stopped` is raised, then end the requests in flight.

    Raises:
        ServingFailed: llama.cpp no longer listens.
        Stopped: as asked.
    """
    listener.move(find_port(server), entrance)
    say(
        f"serving {settings.model} on {settings.address} port {settings.port}: "
        f"slots {settings.slots}, context {settings.context_length} tokens, threads {settings.threads}"
    )
    try:
        while listener.is_open(settings.port):
            time.sleep(WATCH_SECONDS)
    except Stopped:
        drain(server, settings)
        raise
    raise ServingFailed(f"llama.cpp no longer listens on port {settings.port}")


def drain(server: Llama, settings: Settings) -> None:
    """Take no more connections and wait for the requests in flight, at most `drain_seconds`.

    Raises:
        Stopped: asked again meanwhile; nothing more is waited for.
    """
    listener.close(settings.port)
    began = busy_until = time.monotonic()
    if requests := count_requests(server):
        say(f"stopping: waiting up to {settings.drain_seconds} s for {requests} request(s)")
    while time.monotonic() - began < settings.drain_seconds:
        if count_requests(server):
            busy_until = time.monotonic()
        elif time.monotonic() - busy_until >= QUIET_SECONDS:
            return
        time.sleep(0.05)
    if requests := count_requests(server):
        say(f"stopping: {requests} request(s) took longer than {settings.drain_seconds} s and are broken off")

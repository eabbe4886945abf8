from __future__ import annotations

import ctypes
import http.client
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.plugins.processes import wait_until

from .conftest import Start
from .processes import Engine

LONG = {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 150, "ignore_eos": True}
CHAT = "/v1/chat/completions"
PIDFD_GETFD = 438


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_engine_ends_without_waiting(
    number: signal.Signals, start: Start, real_environment: dict[str, str]
) -> None:
    with start({**real_environment, "ENGINE_DRAIN_SECONDS": "3600"}) as engine:
        engine.wait_until_ready()
        engine.signal(number)

        assert engine.wait() == 0
        assert engine.said.endswith("engine: stopped\n")
        assert engine.complained == ""


def test_what_is_in_flight_is_finished_and_nothing_new_is_taken(start: Start, real_environment: dict[str, str]) -> None:
    with start({**real_environment, "ENGINE_DRAIN_SECONDS": "300"}) as engine:
        engine.wait_until_ready()
        plain: list[tuple[int, Any]] = []
        asking = threading.Thread(target=lambda: plain.append(engine.post(CHAT, LONG)))
        asking.start()
        stream = engine.stream(CHAT, {**LONG, "stream_options": {"include_usage": True}})
        next(stream)
        wait_until(lambda: "llamacpp:requests_processing 2" in engine.get("/metrics")[1], "both are in flight")
        engine.signal(signal.SIGTERM)

        engine.wait_until_it_says("stopping: waiting up to 300 s for 2 request(s)")
        wait_until(lambda: engine.answers() == 0, "connections are refused")
        assert engine.process.poll() is None
        events = list(stream)
        asking.join()

        assert events[-1]["usage"]["completion_tokens"] == 150
        assert [(status, answer["usage"]["completion_tokens"]) for status, answer in plain] == [(200, 150)]
        assert engine.wait() == 0


def test_what_takes_too_long_is_broken_off(start: Start, real_environment: dict[str, str]) -> None:
    with start({**real_environment, "ENGINE_DRAIN_SECONDS": "1"}) as engine:
        engine.wait_until_ready()
        plain: list[str] = []
        asking = threading.Thread(target=lambda: plain.append(_ask_in_vain(engine)))
        asking.start()
        stream = engine.stream(CHAT, {**LONG, "max_tokens": 900})
        next(stream)
        wait_until(lambda: "llamacpp:requests_processing 2" in engine.get("/metrics")[1], "both are in flight")
        engine.signal(signal.SIGTERM)

        assert engine.wait() == 0
        assert "2 request(s) took longer than 1 s and are broken off" in engine.said
        assert len(list(stream)) < 900
        asking.join()
        assert plain == ["broken off"]


def test_an_engine_whose_server_is_gone_ends_with_a_failure(start: Start, real_environment: dict[str, str]) -> None:
    with start(real_environment) as engine:
        engine.wait_until_it_says("serving smollm2-135m")
        _break_listener(engine)

        assert engine.wait() == 1
        assert engine.complained == f"engine: llama.cpp no longer listens on port {engine.port}\n"


def _ask_in_vain(engine: Engine) -> str:
    try:
        engine.post(CHAT, {**LONG, "max_tokens": 900})
    except (OSError, http.client.HTTPException):
        return "broken off"
    return "answered"


def _break_listener(engine: Engine) -> None:
    """Shut the socket down on which another process listens."""
    process = os.pidfd_open(engine.process.pid)
    try:
        for entry in Path(f"/proc/{engine.process.pid}/fd").iterdir():
            descriptor = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, int(entry.name), 0)
            assert descriptor >= 0, os.strerror(ctypes.get_errno())
            try:
                found = socket.socket(fileno=descriptor)
            except OSError:
                os.close(descriptor)
                continue
            with found:
                if found.family == socket.AF_INET and found.getsockname()[1] == engine.port:
                    found.shutdown(socket.SHUT_RDWR)
                    return
    finally:
        os.close(process)

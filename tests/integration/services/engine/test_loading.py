from __future__ import annotations

import socket

from .conftest import Start


def test_a_context_longer_than_the_model_s_is_refused(start: Start, real_environment: dict[str, str]) -> None:
    with start({**real_environment, "ENGINE_CONTEXT_LENGTH": "8193", "ENGINE_SLOTS": "1"}) as engine:
        assert engine.wait() == 1
        assert "engine: ENGINE_CONTEXT_LENGTH: given 8193; allowed: at most 8192, what the model" in engine.complained


def test_a_taken_port_is_one_sentence(start: Start, real_environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start({**real_environment, "ENGINE_PORT": str(port)}) as engine:
            assert engine.wait() == 1
            assert engine.complained == (
                f"engine: ENGINE_ADDRESS, ENGINE_PORT: given 127.0.0.1, {port}; "
                "allowed: what is this machine's and free: Address already in use\n"
            )
            assert engine.said == "", "it was refused before anything was pulled"


def test_a_file_that_is_no_model_is_one_sentence(start: Start, tiny: dict[str, str]) -> None:
    with start(tiny) as engine:
        assert engine.wait() == 1
        (line,) = engine.complained.splitlines()

    assert line.startswith("engine: llama.cpp can't serve artifact tiny: invalid magic")


def test_nobody_meets_an_engine_that_still_loads(start: Start, real_environment: dict[str, str]) -> None:
    seen = {0}
    with start(real_environment) as engine:
        while seen == {0} and engine.process.poll() is None:
            seen.add(engine.answers())

    assert seen == {0, 200}

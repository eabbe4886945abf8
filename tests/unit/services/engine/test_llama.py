from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xllamacpp  # type: ignore[import-untyped]

from services.engine import llama
from services.engine.failures import ServingFailed

from .conftest import SETTINGS


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that loads with a server nobody hears, and returns what llama.cpp was given."""

    class Log:
        def discard(self) -> None: ...

    class Server:
        def __init__(self, params: object) -> None:
            loaded.append(params)
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                self.listening_address = f"http://127.0.0.1:{unused.getsockname()[1]}"

    loaded: list[object] = []
    monkeypatch.setattr(llama, "NativeLog", Log)
    monkeypatch.setattr(xllamacpp, "Server", Server)

    def load() -> Any:
        with pytest.raises(ServingFailed, match=r"^llama\.cpp does not answer: .*refused"):
            llama.load(SETTINGS, Path("/cache/tiny.gguf"))
        return loaded[0]

    return load


def test_llama_is_given_what_the_settings_say(given: Callable[[], Any]) -> None:
    params = given()

    assert (params.model.path, params.model_alias) == ("/cache/tiny.gguf", {"tiny"})
    assert (params.hostnames, params.port) == (["127.0.0.1"], 0)
    assert (params.cpuparams.n_threads, params.cpuparams_batch.n_threads) == (3, 3)


def test_each_slot_has_a_whole_context_of_its_own(given: Callable[[], Any]) -> None:
    params = given()

    assert (params.n_parallel, params.n_ctx, params.kv_unified_per_slot) == (2, 200, 100)
    assert not params.kv_unified


def test_memory_does_not_grow_with_prompts(given: Callable[[], Any]) -> None:
    params = given()

    assert params.cache_ram_mib == 0
    assert not params.cache_idle_slots


def test_neither_prompts_nor_a_page_are_shown(given: Callable[[], Any]) -> None:
    params = given()

    assert (params.endpoint_slots, params.ui, params.verbosity) == (False, False, 1)
    assert (params.cors_origins, params.cors_credentials) == ("", False)

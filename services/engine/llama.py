"""llama.cpp's server, as the package xllamacpp carries it: in this process, on threads of its own."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Protocol

import xllamacpp  # type: ignore[import-untyped]

from services.engine.failures import ServingFailed
from services.engine.native_log import NativeLog
from services.engine.settings import Settings
from services.engine.words import say

ERRORS = 1
"""The verbosity at which llama.cpp logs errors and nothing else."""


_servers: list[Llama] = []
"""Holds what was loaded: its destructor waits without end where an answer is still to be given."""


class Llama(Protocol):
    """A server that answers."""

    listening_address: str

    def handle_metrics(self) -> str:
        """Return its metrics in Prometheus' format."""


def load(settings: Settings, file: Path) -> Llama:
    """Load the model and return the server that serves it, on a port of loopback that nobody else knows.

    Raises:
        ServingFailed: llama.cpp can't load the file, or the model's context is shorter.
    """
    say(f"loading {settings.artifact.name}")
    log = NativeLog()
    try:
        server: Llama = xllamacpp.Server(_configure(settings, file))
    except RuntimeError:
        raise ServingFailed(f"llama.cpp can't serve artifact {settings.artifact.name}: {log.find_error()}") from None
    log.discard()
    _servers.append(server)
    try:
        length = _ask_context_length(server)
    except OSError as error:
        raise ServingFailed(f"llama.cpp does not answer: {error}") from None
    if length < settings.context_length:
        raise ServingFailed(
            f"ENGINE_CONTEXT_LENGTH: given {settings.context_length}; allowed: at most {length}, "
            f"what the model of artifact {settings.artifact.name} was trained with"
        )
    return server


def find_port(server: Llama) -> int:
    """Return the port of loopback on which it listens."""
    return int(server.listening_address.rpartition(":")[2])


def count_requests(server: Llama) -> int:
    """Return how many requests the server works on or has waiting."""
    counts = dict(line.rsplit(" ", 1) for line in server.handle_metrics().splitlines() if not line.startswith("#"))
    return int(counts["llamacpp:requests_processing"]) + int(counts["llamacpp:requests_deferred"])


def _configure(settings: Settings, file: Path) -> object:
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = {settings.model}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # any that is free

    # Each slot has a whole context to itself, and not the few tokens more that memory is rounded up to.
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.context_length
    params.kv_unified = False
    params.kv_unified_per_slot = settings.context_length
    params.fit_params = False  # memory is what was asked for, or loading fails
    # Else prompts that left their slot take up to 8 GiB more.
    params.cache_ram_mib = 0
    params.cache_idle_slots = False

    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = settings.threads

    params.use_jinja = True
    params.endpoint_metrics = True
    params.endpoint_slots = False  # it shows prompts
    params.ui = False
    params.cors_origins = ""  # no web page may ask
    params.cors_credentials = False
    params.verbosity = ERRORS
    return params


def _ask_context_length(server: Llama) -> int:
    """Return the most tokens of one request, which llama.cpp lowers to what the model was trained with."""
    # Whatever proxy the environment names does not find this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{server.listening_address}/props", timeout=30) as answer:
        return int(json.load(answer)["default_generation_settings"]["n_ctx"])

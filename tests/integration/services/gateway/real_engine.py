"""A real engine with the catalog's artifact, which needs no model store: the machine's cache has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.services.engine.artifact import NAME, find_artifact
from tests.integration.services.engine.processes import Engine, run_engine

MODEL = "smollm2-135m"
CONTEXT = 1000


@contextmanager
def run_real_engine(folder: Path) -> Iterator[Engine]:
    artifact, file = find_artifact()
    environment = {
        "ENGINE_MODEL": MODEL,
        "ENGINE_ARTIFACT": NAME,
        "ENGINE_ARTIFACT_URL": f"s3://models/{artifact.file}",
        "ENGINE_ARTIFACT_SHA256": artifact.sha256,
        "ENGINE_ARTIFACT_BYTES": str(artifact.bytes),
        "ENGINE_CACHE": str(file.parent.parent),
        "ENGINE_CONTEXT_LENGTH": str(CONTEXT),
        "ENGINE_SLOTS": "2",
        "ENGINE_THREADS": "1",
        "ENGINE_ADDRESS": "127.0.0.1",
    }
    with run_engine(folder, environment) as engine:
        engine.wait_until_ready()
        yield engine

"""A model store with the catalog's artifact and a small one that llama.cpp can't load; each worker has its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.plugins.processes import run_simulation

from .artifact import find_artifact
from .processes import Engine, run_engine

Start = Callable[[dict[str, str]], AbstractContextManager[Engine]]

BUCKET = "models"
SMALL = bytes(range(256)) * 20_000  # 5 MB


@dataclass(frozen=True)
class ModelStore:
    """A model store that runs, and the environment of an engine that pulls from it."""

    endpoint: str
    client: Any

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def describe(self, key: str, content: bytes, cache: Path, endpoint: str | None = None) -> dict[str, str]:
        """Return the environment of an engine that expects `content` at `key`."""
        return {
            "AWS_ACCESS_KEY_ID": "simulation",
            "AWS_SECRET_ACCESS_KEY": "simulation",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "ENGINE_MODEL": "smollm2-135m",
            "ENGINE_ARTIFACT": "tiny",
            "ENGINE_ARTIFACT_URL": f"s3://{BUCKET}/{key}",
            "ENGINE_ARTIFACT_SHA256": hashlib.sha256(content).hexdigest(),
            "ENGINE_ARTIFACT_BYTES": str(len(content)),
            "ENGINE_CACHE": str(cache),
            "ENGINE_CONTEXT_LENGTH": "1000",
            "ENGINE_SLOTS": "2",
            "ENGINE_THREADS": "1",
            "ENGINE_ADDRESS": "127.0.0.1",
        }


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelStore]:
    with run_simulation(tmp_path_factory.mktemp("store")) as endpoint:
        session = boto3.Session("simulation", "simulation", region_name="us-east-1")
        client = session.client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="tiny/tiny.gguf", Body=SMALL)
        yield ModelStore(endpoint, client)


@pytest.fixture(scope="session")
def real_environment(store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of an engine that serves the catalog's artifact."""
    artifact, file = find_artifact()
    key = f"smollm2/{artifact.file}"
    store.client.upload_file(str(file), BUCKET, key)
    return {
        **store.describe(key, b"", tmp_path_factory.mktemp("cache")),
        "ENGINE_ARTIFACT_SHA256": artifact.sha256,
        "ENGINE_ARTIFACT_BYTES": str(artifact.bytes),
    }


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def tiny(store: ModelStore, cache: Path) -> dict[str, str]:
    """Return the environment of an engine that pulls the small artifact; it ends where llama.cpp should load it."""
    return store.describe("tiny/tiny.gguf", SMALL, cache)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that starts an engine with an environment."""
    started = iter(range(100))

    def run(environment: dict[str, str]) -> AbstractContextManager[Engine]:
        return run_engine(tmp_path / f"engine-{next(started)}", environment)

    return run


@pytest.fixture(scope="module")
def engine(real_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an engine that serves, for tests that leave it as it was."""
    with run_engine(tmp_path_factory.mktemp("engine"), real_environment) as engine:
        engine.wait_until_ready()
        yield engine

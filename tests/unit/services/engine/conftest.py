"""An artifact of a few bytes, and a model store that holds whatever a test puts into it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import pytest

from services.engine.settings import Artifact, Settings
from services.engine.store import StoredObject

# A deadline would make the speed of the machine a part of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

CONTENT = bytes(range(256)) * 40


def make_artifact(content: bytes = CONTENT) -> Artifact:
    return Artifact(
        name="tiny", url="s3://models/tiny/tiny.gguf", sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)
    )


SETTINGS = Settings(
    model="tiny",
    artifact=make_artifact(),
    cache=Path("/cache"),
    context_length=100,
    slots=2,
    threads=3,
    address="127.0.0.1",
    port=8000,
    drain_seconds=30,
)


@dataclass
class FakeStore:
    """A model store in memory; `failure` is raised after half of the content."""

    content: bytes = CONTENT
    size: int | None = None
    failure: BaseException | None = None
    opened: int = field(default=0, init=False)

    def open(self, artifact: Artifact) -> StoredObject:
        self.opened += 1
        return StoredObject(len(self.content) if self.size is None else self.size, self._read())

    def _read(self) -> Iterator[bytes]:
        half = len(self.content) // 2
        yield self.content[:half]
        if self.failure is not None:
            raise self.failure
        yield self.content[half:]


@pytest.fixture
def artifact() -> Artifact:
    return make_artifact()


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def list_files(cache: Path) -> list[str]:
    """Return the files below a cache, temporary ones too."""
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engine import cache as cache_module
from services.engine.cache import fetch
from services.engine.failures import ArtifactRefused, PullFailed
from services.engine.settings import Artifact
from services.engine.signals import Stopped

from .conftest import CONTENT, FakeStore, list_files, make_artifact


def test_an_artifact_is_pulled_once(artifact: Artifact, cache: Path, store: FakeStore) -> None:
    first = fetch(artifact, cache, store)
    second = fetch(artifact, cache, store)

    assert first == second == cache / artifact.sha256 / "tiny.gguf"
    assert first.read_bytes() == CONTENT
    assert store.opened == 1
    assert list_files(cache) == [f"{artifact.sha256}/tiny.gguf"]


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], CONTENT + b"x", b"x" + CONTENT[1:]])
def test_a_damaged_file_is_pulled_anew(
    damaged: bytes, artifact: Artifact, cache: Path, store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(artifact, cache, store).write_bytes(damaged)

    assert fetch(artifact, cache, store).read_bytes() == CONTENT
    assert "engine: artifact tiny is damaged in the cache; it is pulled anew" in capsys.readouterr().out


def test_another_size_in_the_store_is_refused_before_a_byte_is_read(artifact: Artifact, cache: Path) -> None:
    with pytest.raises(ArtifactRefused) as refused:
        fetch(artifact, cache, FakeStore(size=12, failure=AssertionError("read")))

    assert str(refused.value) == (
        "artifact tiny is refused: s3://models/tiny/tiny.gguf should have 10240 bytes, has 12 bytes"
    )
    assert list_files(cache) == []


def test_another_content_in_the_store_is_refused_and_not_kept(artifact: Artifact, cache: Path) -> None:
    other = make_artifact(b"x" + CONTENT[1:])

    with pytest.raises(ArtifactRefused) as refused:
        fetch(artifact, cache, FakeStore(b"x" + CONTENT[1:]))

    assert str(refused.value) == (
        "artifact tiny is refused: s3://models/tiny/tiny.gguf should have "
        f"SHA-256 {artifact.sha256}, has {other.sha256}"
    )
    assert list_files(cache) == []


@given(content=st.binary(min_size=1, max_size=200), stored=st.binary(max_size=200))
def test_a_file_bears_its_name_only_with_its_content(
    content: bytes, stored: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    artifact, cache = make_artifact(content), tmp_path_factory.mktemp("cache")
    try:
        assert fetch(artifact, cache, FakeStore(stored)).read_bytes() == content
    except ArtifactRefused:
        assert content != stored
        assert list_files(cache) == []
    else:
        assert content == stored


@pytest.mark.parametrize("interruption", [Stopped(), PullFailed("the store broke off"), KeyboardInterrupt()])
def test_an_interrupted_pull_leaves_nothing(interruption: BaseException, artifact: Artifact, cache: Path) -> None:
    with pytest.raises(type(interruption)):
        fetch(artifact, cache, FakeStore(failure=interruption))

    assert list_files(cache) == []


def test_leftovers_of_killed_pulls_are_removed(artifact: Artifact, cache: Path, store: FakeStore) -> None:
    for folder, name in ((artifact.sha256, ".tiny.gguf.part"), (artifact.sha256, ".old.part"), ("c" * 64, ".x.part")):
        (cache / folder).mkdir(parents=True, exist_ok=True)
        (cache / folder / name).write_bytes(CONTENT)
    kept = cache / ("c" * 64) / "other.gguf"
    kept.write_bytes(b"another artifact")

    assert fetch(artifact, cache, store).read_bytes() == CONTENT
    assert list_files(cache) == sorted([f"{artifact.sha256}/tiny.gguf", f"{'c' * 64}/other.gguf"])


def test_what_a_living_pull_has_so_far_is_left_alone(artifact: Artifact, cache: Path, store: FakeStore) -> None:
    folder = cache / ("c" * 64)
    folder.mkdir(parents=True)
    (folder / ".x.part").write_bytes(b"so far")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        fetch(artifact, cache, store)
    finally:
        os.close(descriptor)

    assert (folder / ".x.part").read_bytes() == b"so far"


def test_an_engine_that_waited_uses_what_the_other_pulled(
    artifact: Artifact, cache: Path, store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cache / artifact.sha256
    folder.mkdir(parents=True)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    waiting = threading.Thread(target=fetch, args=(artifact, cache, store))
    waiting.start()
    said = ""
    while "waiting for another engine that pulls tiny" not in said:
        assert waiting.is_alive()
        time.sleep(0.01)
        said += capsys.readouterr().out
    (folder / "tiny.gguf").write_bytes(CONTENT)
    os.close(descriptor)
    waiting.join()

    assert store.opened == 0
    assert "artifact tiny was pulled by another engine" in capsys.readouterr().out


def test_a_full_disk_is_one_sentence_before_a_byte_is_read(
    artifact: Artifact, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: int) -> None:
        assert arguments[1:] == (0, artifact.bytes)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)

    with pytest.raises(PullFailed) as failed:
        fetch(artifact, cache, FakeStore(failure=AssertionError("read")))

    assert str(failed.value) == f"artifact tiny can't be kept in {cache}: No space left on device"
    assert list_files(cache) == []


def test_a_file_is_on_the_disk_before_it_bears_its_name(
    artifact: Artifact, cache: Path, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(list_files(cache)))

    fetch(artifact, cache, store)

    assert synced == [[f"{artifact.sha256}/.tiny.gguf.part"]]


def test_a_cache_that_can_t_be_made_is_one_sentence(artifact: Artifact, tmp_path: Path, store: FakeStore) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(PullFailed, match=rf"^artifact tiny can't be kept in {tmp_path}/file: Not a directory"):
        fetch(artifact, tmp_path / "file", store)


def test_a_long_pull_says_how_far_it_is(
    artifact: Artifact,
    cache: Path,
    store: FakeStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cache_module, "PROGRESS_SECONDS", 0)

    fetch(artifact, cache, store)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "engine: pulling tiny, 0.0 MB, from s3://models/tiny/tiny.gguf"
    assert lines[1:-1] == ["engine: pulling tiny: 0 of 0.0 MB"] * 2
    assert lines[-1].startswith("engine: pulled tiny in ")

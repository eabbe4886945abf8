"""The cache of artifacts: FOLDER/SHA-256/FILE, which several engines may share.

A file bears its name only once it is whole and verified, and it is verified again at every start.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from services.engine.failures import ArtifactRefused, PullFailed
from services.engine.settings import Artifact
from services.engine.store import StoredObject
from services.engine.words import MEGABYTE, count_megabytes, say

PROGRESS_SECONDS = 5
"""Time between two lines about a pull."""

_PARTS = ".*.part"


class Source(Protocol):
    """Where artifacts are pulled from."""

    def open(self, artifact: Artifact) -> StoredObject: ...


def fetch(artifact: Artifact, cache: Path, source: Source) -> Path:
    """Return the artifact's verified file, pulled unless the cache has it.

    Raises:
        ArtifactRefused: the source holds something else.
        PullFailed: the source did not give it, or the cache can't be written.
    """
    folder = cache / artifact.sha256
    file = folder / artifact.file
    try:
        if _is_intact(file, artifact):
            say(f"artifact {artifact.name} is in the cache")
            return file
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(cache)
        with _hold(folder, f"waiting for another engine that pulls {artifact.name}"):
            if _is_intact(file, artifact):
                say(f"artifact {artifact.name} was pulled by another engine")
            else:
                _discard(file, artifact)
                _pull(artifact, folder, source.open(artifact))
    except OSError as error:
        raise PullFailed(f"artifact {artifact.name} can't be kept in {cache}: {_describe(error)}") from None
    return file


def _is_intact(file: Path, artifact: Artifact) -> bool:
    try:
        with file.open("rb") as opened:
            whole = os.fstat(opened.fileno()).st_size == artifact.bytes
            return whole and hashlib.file_digest(opened, "sha256").hexdigest() == artifact.sha256
    except FileNotFoundError:
        return False


def _discard(file: Path, artifact: Artifact) -> None:
    if file.exists():
        say(f"artifact {artifact.name} is damaged in the cache; it is pulled anew")
        file.unlink()


def _pull(artifact: Artifact, folder: Path, stored: StoredObject) -> None:
    if stored.size != artifact.bytes:
        raise ArtifactRefused(_refuse(artifact, f"{artifact.bytes} bytes", f"{stored.size} bytes"))
    part = folder / f".{artifact.file}.part"
    try:
        with part.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, artifact.bytes)  # a disk that is too small says so now
            digest = hashlib.sha256()
            for chunk in _watch(artifact, stored.chunks):
                digest.update(chunk)
                file.write(chunk)
            if digest.hexdigest() != artifact.sha256:
                raise ArtifactRefused(_refuse(artifact, f"SHA-256 {artifact.sha256}", digest.hexdigest()))
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / artifact.file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _watch(artifact: Artifact, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return the same chunks, and say how far the pull is."""
    size = count_megabytes(artifact.bytes)
    say(f"pulling {artifact.name}, {size}, from {artifact.url}")
    began = said = time.monotonic()
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            say(f"pulling {artifact.name}: {done / MEGABYTE:.0f} of {size}")
    say(f"pulled {artifact.name} in {time.monotonic() - began:.1f} s")


def _remove_leftovers(cache: Path) -> None:
    """Remove what killed pulls left, of this artifact and of others; a pull that lives holds its folder."""
    for folder in {part.parent for part in cache.glob(f"*/{_PARTS}")}:
        if re.fullmatch(r"[0-9a-f]{64}", folder.name):
            with suppress(BlockingIOError), _hold(folder):
                for part in folder.glob(_PARTS):
                    part.unlink()


@contextmanager
def _hold(folder: Path, waiting: str | None = None) -> Iterator[None]:
    """Hold a folder while inside; the hold ends with this process, however that ends.

    Raises:
        BlockingIOError: another process holds it, and `waiting`, what to say meanwhile, is not given.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is None:
                raise
            say(waiting)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse(artifact: Artifact, expected: str, got: str) -> str:
    return f"artifact {artifact.name} is refused: {artifact.url} should have {expected}, has {got}"


def _describe(error: OSError) -> str:
    text = error.strerror or str(error)
    return f"{text} ({error.filename})" if error.filename else text

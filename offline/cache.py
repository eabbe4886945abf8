"""The machine's cache: what is built or derived once and serves every clone and every instance."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Return the cache's folder; `make clean` removes it."""
    return base_folder("XDG_CACHE_HOME", ".cache") / "faregate"


def base_folder(variable: str, below_home: str) -> Path:
    """Return a user's base folder: what the variable names, else its place below the home folder.

    A relative path is ignored, as the XDG base directory specification says: it would be another one in every folder.
    """
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else Path.home() / below_home


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that readers and an interruption see the old text or the new one, nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            # Else a power cut could leave the new name on a file whose text never reached the disk.
            os.fsync(descriptor)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

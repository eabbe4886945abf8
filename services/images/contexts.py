"""Build contexts: folders with what a Containerfile copies."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from services.images.processes import run


def stage_packages(requirements: Path, options: tuple[str, ...], target: Path, purpose: str) -> None:
    """Install locked Python packages into a folder, chosen for the image's Python by the options of uv.

    Raises:
        ToolMissing: uv is not here.
        ToolFailed: a package can't be had, is not the locked one, or has no wheel.
    """
    uv = Path(sys.executable).with_name("uv")
    # Copies: a link would let `_open_to_all` change the file in uv's cache.
    fixed = (f"--python={sys.executable}", "--link-mode=copy", f"--target={target}", f"--requirements={requirements}")
    run([str(uv), "pip", "install", *fixed, *options], purpose)
    (target / ".lock").unlink(missing_ok=True)
    # Scripts begin with the path of this machine's Python.
    shutil.rmtree(target / "bin", ignore_errors=True)
    _open_to_all(target)


def stage_sources(files: Mapping[str, Path], target: Path) -> None:
    """Copy source files to their places in a folder."""
    target.mkdir()
    for place, file in files.items():
        copy = target / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    _open_to_all(target)


def _open_to_all(folder: Path) -> None:
    """Let every user read the files, whatever this user's umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)

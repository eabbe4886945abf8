"""What podman is asked for. Which configuration it reads is the caller's to say, with CONTAINERS_CONF."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from services.images.processes import read, run


def has(reference: str) -> bool:
    """Return whether an image is here.

    Raises:
        ToolMissing: podman is not here.
        ToolFailed: podman cannot say.
    """
    return run(["podman", "image", "exists", reference], reference, good=(0, 1)) == 0


def find_run_folder() -> Path:
    """Return the folder of what podman keeps until the machine stops. Whoever shares its images shares this folder."""
    return Path(read(["podman", "info", "--format={{.Store.RunRoot}}"], "podman").strip())


def import_root(tar: Path, reference: str, changes: Iterable[str], purpose: str) -> None:
    """Make an image of a root in a tar file."""
    run(["podman", "import", "--quiet", *(f"--change={change}" for change in changes), str(tar), reference], purpose)


def build(name: str, reference: str, below: str, containerfile: Path, context: Path) -> None:
    """Build an image from what lies in a folder, with no network."""
    command = [
        "podman",
        "build",
        "--isolation=oci",
        "--network=none",
        "--http-proxy=false",
        "--pull=never",
        "--layers=false",  # their names decide what is built again, and no nameless images pile up
        f"--build-arg=BASE={below}",
        f"--label=faregate.image={name}",
        f"--tag={reference}",
        f"--file={containerfile}",
        str(context),
    ]
    try:
        # Its own files then go with the context.
        run(command, name, environment={**os.environ, "TMPDIR": str(context.parent)})
    except BaseException:
        _remove_unfinished(below)
        raise


def _remove_unfinished(below: str) -> None:
    """Remove the containers that an interrupted podman left behind building on an image."""
    listed = read(["podman", "ps", "--all", "--external", "--format={{.ID}} {{.State}} {{.Image}}"], below)
    unfinished = [line.split()[0] for line in listed.splitlines() if line.split()[1:] == ["Storage", below]]
    if unfinished:
        run(["podman", "rm", "--force", "--ignore", *unfinished], below)

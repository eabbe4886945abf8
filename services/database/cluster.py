"""The cluster: the folder in the volume that holds all databases."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from services.database import lock as lock_file
from services.database.failures import Refused
from services.database.programs import Programs, clean_environment

NAME = "cluster"
UNFINISHED = "cluster.unfinished"
# What may lie in a volume before its first cluster; the last is the file system's.
_HARMLESS = {UNFINISHED, lock_file.FILE, "lost+found"}


def ensure_cluster(programs: Programs, folder: Path, lock: int) -> Path:
    """Return the folder of the cluster in the volume `folder`; make it if there is none.

    A cluster that is there is never touched. A new one gets its name when it is complete, so one that lacks the name
    holds nothing yet and is made again.

    Raises:
        Refused: the volume holds something else, or initdb failed.
    """
    if os.geteuid() == 0:
        raise Refused("Postgres refuses to run as root; start this as another user")
    cluster = folder / NAME
    if os.path.lexists(cluster):
        _check(cluster, programs.read_major_version())
        return cluster
    _refuse_strange_files(folder)
    _initialise(programs, folder / UNFINISHED, lock)
    (folder / UNFINISHED).rename(cluster)
    _sync(folder)
    return cluster


def _check(cluster: Path, version: str) -> None:
    try:
        found = (cluster / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{cluster} is no cluster: it has no file PG_VERSION; nothing was changed") from None
    if found != version:
        raise Refused(
            f"{cluster} is a cluster of Postgres {found} and this is Postgres {version}; nothing was changed: "
            "dump it with the old version, or upgrade it with pg_upgrade"
        )


def _refuse_strange_files(folder: Path) -> None:
    strange = sorted({path.name for path in folder.iterdir()} - _HARMLESS)
    if strange:
        raise Refused(f"{folder} has no folder {NAME} but holds {', '.join(strange)}; a new cluster needs an empty one")


def _initialise(programs: Programs, unfinished: Path, lock: int) -> None:
    if unfinished.exists():
        shutil.rmtree(unfinished)
    ended = subprocess.run(
        [
            programs.initdb,
            f"--pgdata={unfinished}",
            "--username=postgres",
            "--encoding=UTF8",
            # Sorts the same on every machine: the locale is Postgres' own, not the system's.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C.UTF-8",
            "--data-checksums",
            # What a server started without our pg_hba.conf would take.
            "--auth-local=trust",
            "--auth-host=reject",
            "--no-instructions",
        ],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        pass_fds=[lock],  # outlives us if we are killed, and must keep others off until it ends
    )
    if ended.returncode != 0:
        raise Refused(f"initdb failed: {' '.join(ended.stderr.split())}")


def _sync(folder: Path) -> None:
    """Make the new name durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

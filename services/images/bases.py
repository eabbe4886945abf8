"""The bases of images: Debian's essential packages, a few more, and the user that everything runs as."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.images import podman
from services.images.definitions import Debian
from services.images.digests import digest
from services.images.processes import Process, start
from services.images.progress import report

USER = 999
"""Id of the user and the group `faregate`."""

CHANGES = ("ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",)
"""An imported root has no environment at all."""

_ADD_USER = (
    f"echo faregate:x:{USER}:{USER}::/nonexistent:/usr/sbin/nologin >>$1/etc/passwd"
    f" && echo faregate:x:{USER}: >>$1/etc/group"
)
# mmdebstrap copies this machine's name and resolver in. podman mounts its own over the empty files.
_FINISH = "install -d $1/run/secrets && : >$1/etc/hostname && : >$1/etc/resolv.conf"

# Else usrmerge comes in, and 50 MB of Perl with it.
_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"

_LEFT_OUT = ("man", "doc", "info", "locale")


@dataclass(frozen=True)
class Base:
    """One base."""

    name: str
    reference: str
    command: tuple[str, ...]
    """Writes its root, as a tar file whose path is put last."""


def define(name: str, packages: Sequence[str], left_out: Sequence[str], debian: Debian, registry: str) -> Base:
    """Return the base with these packages but for some folders, named after everything that it is made from."""
    command = (
        "mmdebstrap",
        "--variant=essential",
        f"--include={','.join(sorted(packages))}",
        f"--hook-dir={_MERGED_USR}",
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _LEFT_OUT),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        *(f"--dpkgopt=path-exclude=/{folder}/*" for folder in left_out),
        # Before the packages: theirs then keep off this id.
        f"--essential-hook={_ADD_USER}",
        f"--customize-hook={_FINISH}",
        "--skip=cleanup/run",
        "--format=tar",
        debian.suite,
    )
    made_from = {
        "command": json.dumps(command).encode(),
        "changes": json.dumps(CHANGES).encode(),
        "machine": platform.machine().encode(),
        "revision": str(debian.revision).encode(),
    }
    return Base(name, f"{registry}/base-{name}:{digest(made_from)}", command)


def make(bases: Iterable[Base], folder: Path) -> Iterator[str]:
    """Make bases at the same time, with their files in a folder; yield each reference once its image is there.

    Raises:
        ToolMissing: mmdebstrap or podman is not here.
        ToolFailed: one of them did not do it.
    """
    with ExitStack() as stack:
        started = [(base, folder / f"{base.name}.tar", stack.enter_context(_write(base, folder))) for base in bases]
        for base, tar, process in started:
            process.finish()  # only a complete root is imported
            label = f"LABEL faregate.image=base-{base.name}"
            podman.import_root(tar, base.reference, (*CHANGES, label), f"base-{base.name}")
            tar.unlink()
            yield base.reference


@contextmanager
def _write(base: Base, folder: Path) -> Iterator[Process]:
    report(f"base-{base.name}: installing Debian's packages (about half a minute)")
    with start((*base.command, str(folder / f"{base.name}.tar")), f"base-{base.name}") as process:
        yield process

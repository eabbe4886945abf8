"""The programs that containers need, installed from Debian's packages, and podman's configuration."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from offline.cache import cache_folder, write_atomically
from offline.locks import hold
from offline.steps import Report

ADMINISTRATION = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Folders of root's programs, which are not on PATH in every shell of root's."""

HELPERS = ("/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman")
"""Where podman looks for its helpers."""

# Debian's packages, each named as the program in it, by where that is looked for. Catatonit may be in either place.
ON_PATH = ("podman", "runc", "catatonit", "iptables", "mmdebstrap")
AMONG_HELPERS = ("catatonit", "netavark", "aardvark-dns")
PACKAGES = tuple(dict.fromkeys((*ON_PATH, *AMONG_HELPERS)))

OPEN_FILES = 16384
PROCESSES = 32768
"""Podman lowers its own limit to this, so that asking for more fails on the largest machine."""

ANSWER_SECONDS = 30
"""Longest wait for a program that only says what there is."""

LOCK_SECONDS = 120
PAUSE_SECONDS = 1
"""Longest wait for another program that installs packages, such as the one that a killed command left; the pause
between attempts."""

LOCKED = "Could not get lock|was locked by another process"
"""How apt and dpkg say that another one works."""

APT = ("apt-get", "--quiet", "--yes", "--no-remove", f"-oDPkg::Lock::Timeout={LOCK_SECONDS}")
# A configuration file that somebody wrote before the package came is kept; nobody is there to be asked.
KEEP_FILES = ("--force-confdef", "--force-confold")
INSTALL = (*APT, "--no-install-recommends", *(f"-oDPkg::Options::={option}" for option in KEEP_FILES), "install")

HEALING = (
    ("dpkg", *KEEP_FILES, "--configure", "-a"),  # apt refuses everything after dpkg was cut off
    (*APT, "update"),  # no lists yet, or they name versions that are gone
    (*INSTALL, "--fix-broken"),  # a package is unpacked and one that it depends on is not
)
"""What lets apt go on; each does nothing where there is nothing to heal."""


class ContainerToolsUnavailable(Exception):
    """The programs that containers need can't be had; the text says what to do."""


def ensure(report: Report) -> str:
    """Install what is missing and return podman's version in words; `report` gets every line that apt prints.

    Raises:
        ContainerToolsUnavailable: apt is absent or failed, or podman does not run.
    """
    if not find_missing():
        return describe()
    with hold(cache_folder() / "container-tools.lock"):
        missing = find_missing()  # another command may have installed it while this one waited
        if missing:
            _install(missing, report)
    return f"{describe()} installed"


def find_missing() -> list[str]:
    """Return the packages whose program is not where it is looked for, or which dpkg left half installed."""
    half = _find_half_installed()
    return [package for package in PACKAGES if package in half or not _is_here(package)]


def extend_path(path: str) -> str:
    """Return a PATH that holds the folders of root's programs: podman's helpers call iptables, dpkg calls ldconfig."""
    folders = filter(None, (path or os.defpath).split(os.pathsep))
    return os.pathsep.join(dict.fromkeys([*folders, *ADMINISTRATION]))


def plan() -> str:
    """Return in words how `ensure` would get what is missing; nothing is changed.

    Raises:
        ContainerToolsUnavailable: it could not.
    """
    missing = find_missing()
    _require_apt(missing)
    return f"apt-get installs {', '.join(missing)} (less than a minute, once on a machine)"


def describe() -> str:
    """Return podman and its version in words.

    Raises:
        ContainerToolsUnavailable: it does not run.
    """
    version = _ask("podman", "--version").split()
    if not version:
        raise ContainerToolsUnavailable("podman is here and does not run: see `podman --version`")
    return f"podman {version[-1]}"


def config_path() -> Path:
    """Return where podman's configuration lies, which `CONTAINERS_CONF` names."""
    return cache_folder() / "containers.conf"


def write_config() -> Path:
    """Write podman's configuration, with the limits of this process, and return its path."""
    path = config_path()
    text = containers_conf(
        open_files=_limit(resource.RLIMIT_NOFILE, OPEN_FILES), processes=_limit(resource.RLIMIT_NPROC, PROCESSES)
    )
    # A container that starts at this moment reads it.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)
    return path


def containers_conf(*, open_files: int, processes: int) -> str:
    """Return a configuration of podman's that gives a container at most so many open files and processes."""
    return f"""\
# Written by Faregate. Podman reads this file instead of the machine's where CONTAINERS_CONF names it.

[containers]
# Neither may be above the hard limit of whoever starts podman: no container would start. Both must be named: podman's
# own default for the one that is left out is above it on many machines.
default_ulimits = ["nofile={open_files}:{open_files}", "nproc={processes}:{processes}"]
# Containers talk to each other and to this machine, where a proxy does not lead.
http_proxy = false
# The journal is there with systemd only.
log_driver = "k8s-file"

[engine]
# crun fails where the kernel has cgroups of version 1; runc runs on both.
runtime = "runc"
# Neither of these needs systemd.
cgroup_manager = "cgroupfs"
events_logger = "file"

[network]
# Named, so that podman does not choose CNI where it finds that one's folders: it has no DNS here.
network_backend = "netavark"
"""


def _limit(kind: int, wanted: int) -> int:
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _is_here(program: str) -> bool:
    folders = [extend_path(os.environ.get("PATH", ""))] if program in ON_PATH else []
    folders += HELPERS if program in AMONG_HELPERS else ()
    return shutil.which(program, path=os.pathsep.join(folders)) is not None


def _find_half_installed() -> set[str]:
    """Return the packages that an interruption left unpacked: the programs are there, their settings are not."""
    printed = _ask("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *PACKAGES)
    states = [line.split() for line in printed.splitlines()]
    return {package for package, state in states if state in ("half-installed", "unpacked", "half-configured")}


def _ask(*command: str) -> str:
    """Return what a program prints, and nothing if it can't be started or does not end."""
    try:
        answer = subprocess.run(
            command,
            env=_extend_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout


def _install(packages: list[str], report: Report) -> None:
    """Install packages, healing what an interrupted installation left.

    Raises:
        ContainerToolsUnavailable: one is not here afterwards, whatever apt says of itself.
    """
    _require_apt(packages)
    last_lines: deque[str] = deque(maxlen=20)
    _run([*INSTALL, *packages], report, last_lines)
    if find_missing():
        for command in (*HEALING, (*INSTALL, *packages)):
            _run(command, report, last_lines)
    if still := find_missing():
        raise ContainerToolsUnavailable(
            "\n".join([f"containers need {', '.join(still)}, which apt-get did not install:", *last_lines])
        )


def _require_apt(missing: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise ContainerToolsUnavailable(
            f"containers need {', '.join(missing)}, and there is no apt-get: install these packages"
        )


def _run(command: Sequence[str], report: Report, last_lines: deque[str]) -> None:
    """Run a command to its end, whatever that is, once nobody else installs; `report` gets each line it prints."""
    deadline = time.monotonic() + LOCK_SECONDS
    while _is_locked_out(command, report, last_lines) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)


def _is_locked_out(command: Sequence[str], report: Report, last_lines: deque[str]) -> bool:
    """Run a command and say whether it refused because another program installs right now."""
    locked_out = False
    with subprocess.Popen(
        command,
        env={**_extend_environment(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        if process.stdout is None:
            raise AssertionError("standard output is a pipe")
        try:
            for line in filter(None, map(str.strip, process.stdout)):
                last_lines.append(line)
                report(line)
                locked_out = locked_out or re.search(LOCKED, line) is not None
        finally:
            # After ^C too, which apt got as well: it leaves fewer things half done if it may end by itself.
            process.communicate()
    # One that waited until the other was done says so, too.
    return locked_out and process.returncode != 0


def _extend_environment() -> dict[str, str]:
    return {**os.environ, "PATH": extend_path(os.environ.get("PATH", ""))}


if __name__ == "__main__":
    print(ensure(lambda line: print(line, file=sys.stderr)))

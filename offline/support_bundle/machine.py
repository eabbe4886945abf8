"""The chapters on the machine and this clone: what is installed, what was changed, what there is room for."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from offline import pulumi_cli
from offline.cache import cache_folder
from offline.container_tools import HELPERS
from offline.doctor import IMAGES, Finding, examine
from offline.environment import REPOSITORY
from offline.instance import Home, state_root
from offline.support_bundle.output import ask
from offline.support_bundle.parts import Chapter, Part, to_json
from offline.tools import prepare_container_environment

_TOOLS = ("podman", "runc", "netavark", "aardvark-dns", "catatonit", "iptables", "git", "make", "go")
_LIMITS = Path("/proc/self/limits")


def list_chapters(home: Home) -> list[Chapter]:
    return [Chapter("Versions", _list_versions), Chapter("Machine", lambda: _list_machine(home))]


def _list_versions() -> Iterator[Part]:
    yield Part("versions/commit.txt", lambda: ask(["git", "log", "-1", "--format=%H %cI"]))
    yield Part("versions/changed.txt", _list_changed)
    yield Part("versions/system.txt", _describe_system)
    yield Part("versions/tools.txt", _describe_tools)
    yield Part("versions/packages.txt", _list_packages)
    yield Part("versions/images-wanted.json", lambda: ask([sys.executable, "-P", "-m", "services.images", "list"]))


def _list_machine(home: Home) -> Iterator[Part]:
    yield from list_findings("machine/doctor", lambda: examine(home))
    yield Part("machine/room.json", lambda: to_json({"disks": _measure_disks(home), "memory": _measure_memory()}))
    yield Part("machine/limits.txt", _LIMITS.read_text)
    yield Part("machine/environment.txt", lambda: "".join(f"{name}\n" for name in sorted(os.environ)))
    yield Part(
        "machine/podman.json", lambda: ask(["podman", "info", "--format", "json"], prepare_container_environment())
    )


def list_findings(path: str, examine_all: Callable[[], list[Finding]]) -> Iterator[Part]:
    """Return what a command like `make doctor` finds as two parts, for people and for programs."""
    look = functools.cache(examine_all)

    def write_table() -> str:
        return "".join(f"{'ok' if it.good else 'NOT OK':<8}{it.subject}: {it.detail}\n" for it in look())

    def write_json() -> str:
        return to_json([{"subject": it.subject, "good": it.good, "detail": it.detail} for it in look()])

    yield Part(f"{path}.txt", write_table)
    yield Part(f"{path}.json", write_json)


def _list_changed() -> str:
    """Return how this clone differs from its commit, by the names of files alone."""
    changed = ask(["git", "status", "--porcelain"])
    return changed or "nothing is changed\n"


def _describe_system() -> str:
    rows = {
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "kernel": f"{platform.release()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": f"{sys.version} in {sys.prefix}",
    }
    return _write_rows(rows)


def _describe_tools() -> str:
    """Return the version of each tool, which is often what is wrong: one that does not say it hides no other."""
    path = os.pathsep.join([prepare_container_environment()["PATH"], *HELPERS])
    return _write_rows({"pulumi": _describe_cli(), **{tool: _describe_tool(tool, path) for tool in _TOOLS}})


def _describe_cli() -> str:
    cli = pulumi_cli.find_cli()
    return f"{_describe_version([str(cli.path), 'version'])} (from {cli.origin}: {cli.path})" if cli else "not here"


def _describe_tool(tool: str, path: str) -> str:
    found = shutil.which(tool, path=path)
    if found is None:
        return "not here"
    return f"{_describe_version([found, 'version' if tool == 'go' else '--version'])} ({found})"


def _describe_version(command: list[str]) -> str:
    try:
        return next(iter(ask(command).splitlines()), "says nothing")
    except Exception as error:  # noqa: BLE001  # whatever is broken in one
        return f"does not work: {error}"


def _list_packages() -> str:
    found = {f"{package.name}=={package.version}" for package in importlib.metadata.distributions()}
    return "".join(f"{package}\n" for package in sorted(found, key=str.lower))


def _measure_disks(home: Home) -> dict[str, dict[str, int]]:
    """Return the bytes of the disks that matter, by folder."""
    folders = [folder for folder in (REPOSITORY, state_root(), home.folder, cache_folder(), IMAGES) if folder.exists()]
    usages = {str(folder): shutil.disk_usage(folder) for folder in folders}
    return {folder: {"total_bytes": usage.total, "free_bytes": usage.free} for folder, usage in usages.items()}


def _measure_memory() -> dict[str, int]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {
        "total_bytes": memory.total,
        "available_bytes": memory.available,
        "swap_total_bytes": swap.total,
        "swap_used_bytes": swap.used,
    }


def _write_rows(rows: Mapping[str, str]) -> str:
    return "".join(f"{name:<14}{text}\n" for name, text in rows.items())

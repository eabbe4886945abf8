"""Preflight: what this machine must have, checked before anything is changed."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.catalog import Catalog
from contract.documents import read_catalog, read_slos
from contract.problems import ContractError
from infra.settings import Settings
from offline import container_tools, pulumi_cli
from offline.cache import cache_folder
from offline.instance import Home, state_root
from offline.podman import PodmanFailed, is_alive
from offline.ports import PortTaken, is_free
from offline.stack_file import read_settings
from offline.tools import open_podman

GIB = 1024**3
NEEDED_DISK_GIB = 5
"""The Go build of the Pulumi CLI is the largest part."""
NEEDED_IMAGES_GIB = 3
IMAGES = Path("/var/lib/containers")
"""Where podman keeps images and volumes."""
NEEDED_MEMORY_GIB = 4

ABSENT = "not here yet: "
"""What the detail of a finding begins with where `make up` is going to install something."""

PUBLISHED = ("gateway", "database", "simulation")
"""The ports of an instance that lead to a container."""

PROCESS = Path("/proc/self/status")
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""What making networks and containers takes, and the bit of each (`man capabilities`)."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    subject: str
    good: bool
    detail: str
    """What was found; if it is not good, what to do."""


def examine(home: Home) -> list[Finding]:
    """Return every finding; none of the checks changes anything."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", lambda: f"{sys.version.split()[0]} in {sys.prefix}"),
        ("root", _check_root),
        ("pulumi", _check_pulumi),
        ("containers", _check_containers),
        ("memory", _check_memory),
        ("disk", _check_disk),
        ("stacks/Pulumi.local.yaml", lambda: _describe_settings(read_settings("local"))),
        ("stacks/catalog.yaml", lambda: _describe_catalog(read_catalog())),
        ("stacks/slo.yaml", lambda: f"{len(read_slos().slos)} SLOs"),
        ("ports", lambda: _check_ports(home)),
    ]
    return [_examine(subject, check) for subject, check in checks]


class Unfit(Exception):
    """The machine lacks something; the text says what to do."""


def _examine(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, check())
    except (
        Unfit,
        ContractError,
        PodmanFailed,
        PortTaken,
        container_tools.ContainerToolsUnavailable,
        pulumi_cli.CliUnavailable,
    ) as error:
        return Finding(subject, False, str(error))


def _check_root() -> str:
    if os.geteuid() != 0:
        raise Unfit("containers need root on this machine: run it with sudo, or as root")
    held = _read_capabilities()
    # Within somebody else's container, root is root by name only.
    if lacking := [name for name, bit in CAPABILITIES.items() if not held >> bit & 1]:
        raise Unfit(
            f"root may not start containers here, for it lacks {', '.join(lacking)}: run it outside of a container"
        )
    return "runs as root"


def _read_capabilities() -> int:
    """Return what this process may do, a bit for each capability."""
    (mask,) = re.findall(r"^CapEff:\s*(\w+)$", PROCESS.read_text(), re.MULTILINE)
    return int(mask, 16)


def _check_pulumi() -> str:
    found = pulumi_cli.find_cli()
    if found:
        return f"{found.path} (from {found.origin})"
    return f"{ABSENT}{pulumi_cli.plan()}"


def _check_containers() -> str:
    if container_tools.find_missing():
        return f"{ABSENT}{container_tools.plan()}"
    return container_tools.describe()


def _check_memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    if total < NEEDED_MEMORY_GIB:
        raise Unfit(f"{total:.1f} GiB; {NEEDED_MEMORY_GIB} GiB are needed")
    return f"{total:.1f} GiB"


def _check_disk() -> str:
    needed = {cache_folder(): NEEDED_DISK_GIB, state_root(): NEEDED_DISK_GIB, IMAGES: NEEDED_IMAGES_GIB}
    least = math.inf
    for folder, gib in needed.items():
        shared = folder != IMAGES and _find_disk(folder) == _find_disk(IMAGES)
        total = gib + NEEDED_IMAGES_GIB if shared else gib
        free = shutil.disk_usage(_existing_parent(folder)).free / GIB
        if free < total:
            images = f", {NEEDED_IMAGES_GIB} of them for images in {IMAGES}" if shared else ""
            raise Unfit(f"{free:.1f} GiB free for {folder}; {total} GiB are needed{images}")
        least = min(least, free)
    return f"{least:.0f} GiB free"


def _find_disk(folder: Path) -> int:
    return _existing_parent(folder).stat().st_dev


def _existing_parent(folder: Path) -> Path:
    return folder if folder.exists() else _existing_parent(folder.parent)


def _describe_settings(settings: Settings) -> str:
    return f"{settings.region}, {settings.network.zones} zones, {len(settings.gpu_pools)} GPU pool(s)"


def _describe_catalog(catalog: Catalog) -> str:
    return f"models: {', '.join(catalog.models)}"


def _check_ports(home: Home) -> str:
    if not home.exists:
        return "chosen when the instance is made"
    ports = home.read().ports.model_dump()
    busy = {role: ports[role] for role in PUBLISHED if not is_free(ports[role])}
    ours = _list_published(home) if busy else frozenset()
    for role, port in busy.items():
        if port not in ours:
            raise PortTaken(port, role)
    return ", ".join(f"{role} {port}" for role, port in ports.items())


def _list_published(home: Home) -> frozenset[int]:
    """Return the ports that the instance's own living containers have, answering or not."""
    podman = open_podman()
    containers = podman.containers(home.folder.name) if podman.is_installed() else []
    return frozenset(port for container in containers if is_alive(container) for port in container.published)

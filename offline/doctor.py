"""Preflight: what this machine must have, checked before anything is changed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.catalog import Catalog
from contract.documents import read_catalog, read_slos
from contract.problems import ContractError
from infra.settings import Settings
from offline import pulumi_cli
from offline.cache import cache_folder
from offline.instance import Home, state_root
from offline.ports import PortTaken, is_free
from offline.simulation import is_running
from offline.stack_file import read_settings

GIB = 1024**3
NEEDED_DISK_GIB = 5
"""The Go build of the Pulumi CLI is the largest part."""
NEEDED_MEMORY_GIB = 4


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
        ("pulumi", _check_pulumi),
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
    except (Unfit, ContractError, PortTaken, pulumi_cli.CliUnavailable) as error:
        return Finding(subject, False, str(error))


def _check_pulumi() -> str:
    found = pulumi_cli.find_cli()
    if found:
        return f"{found.path} (from {found.origin})"
    return f"not here yet: {pulumi_cli.plan()}"


def _check_memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    if total < NEEDED_MEMORY_GIB:
        raise Unfit(f"{total:.1f} GiB; {NEEDED_MEMORY_GIB} GiB are needed")
    return f"{total:.1f} GiB"


def _check_disk() -> str:
    for folder in (cache_folder(), state_root()):
        free = shutil.disk_usage(_existing_parent(folder)).free / GIB
        if free < NEEDED_DISK_GIB:
            raise Unfit(f"{free:.1f} GiB free for {folder}; {NEEDED_DISK_GIB} GiB are needed")
    return f"{free:.0f} GiB free"


def _existing_parent(folder: Path) -> Path:
    return folder if folder.exists() else _existing_parent(folder.parent)


def _describe_settings(settings: Settings) -> str:
    return f"{settings.region}, {settings.network.zones} zones, {len(settings.gpu_pools)} GPU pool(s)"


def _describe_catalog(catalog: Catalog) -> str:
    return f"models: {', '.join(catalog.models)}"


def _check_ports(home: Home) -> str:
    if not home.exists:
        return "chosen when the instance is made"
    ports = home.read().ports
    if not is_running(home) and not is_free(ports.simulation):
        raise PortTaken(ports.simulation, "simulation")
    return ", ".join(f"{role} {port}" for role, port in ports.model_dump().items())

"""Instances: copies of `local` on this machine. Each has a folder that holds everything it must remember.

The folder lies outside of every clone, because what an instance consists of (ports, processes, containers) is the
machine's, whichever clone made it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from contract.documents import read_instance
from contract.instance import Instance, InstanceName, InstancePorts
from contract.problems import ContractError, Problem, describe_given
from offline.cache import base_folder, write_atomically
from offline.locks import hold
from offline.ports import PortTaken, choose_port, is_free

DEFAULT = "local"

# Where the default instance listens; any other instance takes whatever is free.
PREFERRED = {"gateway": 8080, "database": 15432, "metrics": 19090, "alerts": 19093, "simulation": 14566}


@dataclass(frozen=True)
class Home:
    """The paths below an instance's folder."""

    folder: Path

    @property
    def record(self) -> Path:
        """The instance itself, as `contract.instance` describes it."""
        return self.folder / "instance.json"

    @property
    def state(self) -> Path:
        """Pulumi's state backend."""
        return self.folder / "pulumi"

    @property
    def pulumi_home(self) -> Path:
        """Pulumi's own settings and logs."""
        return self.folder / "pulumi-home"

    @property
    def manifests(self) -> Path:
        """Rendered Kubernetes objects."""
        return self.folder / "manifests"

    @property
    def services(self) -> Path:
        """Where libpq finds the ledger, as which roles: what PGSERVICEFILE names."""
        return self.folder / "pg_service.conf"

    @property
    def demo_key(self) -> Path:
        """The key of account `demo`."""
        return self.folder / "secrets" / "demo_key"

    @property
    def runner(self) -> Path:
        """What ansible-runner writes while a playbook runs, for each process that runs one."""
        return self.folder / "runner"

    @property
    def steps(self) -> Path:
        """How long each step of the last `make up` took."""
        return self.folder / "steps.json"

    @property
    def lock(self) -> Path:
        """Held by the one command that may change the instance. That may remove the folder, so it lies outside."""
        return _locks() / self.folder.name

    @property
    def exists(self) -> bool:
        return self.record.exists()

    def read(self) -> Instance:
        """Return the instance.

        Raises:
            ContractError: there is none, or its record is damaged.
        """
        return read_instance(self.record)

    def read_demo_key(self) -> str:
        """Return the key of account `demo`, which the playbook made."""
        return self.demo_key.read_text(encoding="utf-8").strip()

    def remove(self) -> None:
        """Forget everything. Removing twice is no error."""
        if self.folder.exists():
            shutil.rmtree(self.folder)


def state_root() -> Path:
    """Return the folder that holds every instance's."""
    return base_folder("XDG_STATE_HOME", ".local/state") / "faregate"


def _locks() -> Path:
    # No instance's name begins with a dot.
    return state_root() / ".locks"


def find_home(name: str) -> Home:
    """Return where the instance of this name lives, whether it exists or not.

    Raises:
        ContractError: the name is not allowed. Nothing else keeps `INSTANCE=../..` from naming a folder to remove.
    """
    try:
        TypeAdapter(InstanceName).validate_python(name)
    except ValidationError:
        allowed = "1 to 20 lower-case letters, digits and hyphens that start with a letter"
        raise ContractError("INSTANCE", [Problem("", describe_given(name), allowed)]) from None
    return Home(state_root() / name)


def list_homes() -> list[Home]:
    """Return the homes of all instances on this machine."""
    return [Home(record.parent) for record in sorted(state_root().glob("*/instance.json"))]


def make_instance(name: str, purpose: Literal["user", "test"], gateway_port: int | None = None) -> Instance:
    """Return the instance, made if it does not exist; an existing one keeps its ports but for a new `gateway_port`.

    Raises:
        PortTaken: the gateway's port is in use by something else, or kept by an instance; nothing was changed.
        ContractError: the name is not allowed, or an instance's record is damaged.
    """
    home = find_home(name)
    # One at a time on this machine, so that two instances made at once never choose the same port.
    with hold(_locks() / ".ports"):
        if home.exists:
            instance = home.read()
            if gateway_port in (None, instance.ports.gateway):
                return instance
            _require_free_gateway(gateway_port, _list_kept_ports())
            ports = instance.ports.model_copy(update={"gateway": gateway_port})
            instance = instance.model_copy(update={"ports": ports})
        else:
            preferred = PREFERRED if (name, purpose) == (DEFAULT, "user") else {}
            ports = _choose_ports({**preferred, **({"gateway": gateway_port} if gateway_port else {})})
            instance = Instance(name=name, purpose=purpose, ports=ports, manifests=home.manifests)
        home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.folder.chmod(0o700)
        write_atomically(home.record, instance.model_dump_json(indent=2) + "\n", mode=0o600)
    return instance


def _choose_ports(preferred: dict[str, int]) -> InstancePorts:
    """Return a port for each role. The gateway's is what users type, so where it is taken they are asked."""
    kept = _list_kept_ports()
    taken = set(kept)
    chosen: dict[str, int] = {}
    for role in InstancePorts.model_fields:
        port = preferred.get(role)
        if role == "gateway" and port is not None:
            _require_free_gateway(port, kept)
        elif port is None or port in taken or not is_free(port):
            port = choose_port(taken)
        chosen[role] = port
        taken.add(port)
    return InstancePorts(**chosen)


def _list_kept_ports() -> dict[int, str]:
    """Return every port that an instance keeps, whether it is in use or not, and for what."""
    return {
        port: f"instance {home.folder.name} ({role})"
        for home in list_homes()
        for role, port in home.read().ports.model_dump().items()
    }


def _require_free_gateway(port: int, kept: Mapping[int, str]) -> None:
    if port in kept or not is_free(port):
        raise PortTaken(port, "gateway", kept.get(port, ""))

"""What there is of an instance on this machine, whether it was made whole or not, and its removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offline.container_names import name_volume
from offline.instance import Home
from offline.podman import Podman

LEDGER = "ledger"
"""The volume of an instance that is never removed unasked."""


@dataclass(frozen=True)
class Remains:
    """What there is of one instance; nothing of it is false."""

    home: Home
    podman: Podman
    containers: Sequence[str]
    networks: Sequence[str]
    volumes: Sequence[str]
    secrets: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.home.folder.exists() or self.containers or self.networks or self.volumes or self.secrets)

    @property
    def ledgers(self) -> list[str]:
        """The volumes that hold a ledger."""
        return [name for name in self.volumes if name == name_volume(self.home.folder.name, LEDGER)]

    def remove(self, *, keep_ledger: bool) -> None:
        """Remove it. The folder goes last: after an interruption it still says that there is something."""
        for name in self.containers:
            self.podman.remove_container(name)
        for name in self.secrets:
            self.podman.remove_secret(name)
        for name in self.networks:
            self.podman.remove_network(name)
        for name in self.volumes:
            if not (keep_ledger and name in self.ledgers):
                self.podman.remove_volume(name)
        self.home.remove()


def find_remains(home: Home, podman: Podman) -> Remains:
    """Return what there is of an instance; where there is no podman, only its folder can be there."""
    name = home.folder.name
    if not podman.is_installed():
        return Remains(home, podman, (), (), (), ())
    containers = [container.name for container in podman.containers(name)]
    return Remains(home, podman, containers, podman.networks(name), podman.volumes(name), podman.secrets(name))


def find_owners(podman: Podman, purpose: str | None = None) -> set[str]:
    """Return the instances that own containers, networks, volumes or secrets; with `purpose` those that carry it."""
    return podman.owners(purpose) if podman.is_installed() else set()


def find_users(podman: Podman) -> set[str]:
    """Return the instances that have more than a kept ledger: they use images and the cache."""
    names = find_owners(podman)
    return {name for name in names if podman.containers(name) or podman.networks(name)}

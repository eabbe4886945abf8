"""Podman, through its command line: what `make` needs of containers, networks, volumes, secrets and images.

Containers are created and removed, never started again. Podman's own word on whether one runs is not taken: see
`is_alive`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from offline.container_names import IMAGE_LABEL, INSTANCE_LABEL, PURPOSE_LABEL
from offline.container_tools import extend_path

COMMAND_SECONDS = 120
"""Longest wait for a podman command; most take a tenth of a second."""

STOP_SECONDS = 10
"""How long a container may take to end by itself."""

PROCESSES = Path("/proc")

ATTEMPTS = 3
PAUSE_SECONDS = 0.5
"""How often a container is removed before that counts as failed, and the pause between."""

_Row = TypeVar("_Row")


class PodmanFailed(Exception):
    """A podman command failed; the text holds the command and the last lines of what it complained about."""


class NotOurs(Exception):
    """Something of that name is there and is not this project's; the text says what and what to do."""


@dataclass(frozen=True)
class Container:
    """A container in whatever state."""

    name: str
    id: str
    image: str
    labels: Mapping[str, str]
    pid: int
    """The process that podman last knew of; 0 where it knows that none runs."""
    created: datetime
    published: frozenset[int] = frozenset()
    """The ports of this machine that lead to it."""


@dataclass(frozen=True)
class Image:
    """An image; one that lost its names to a newer one has none."""

    id: str
    names: tuple[str, ...]
    labels: Mapping[str, str]
    created: datetime


@dataclass(frozen=True)
class _Thing:
    """What ownership is judged by."""

    name: str
    labels: Mapping[str, str]


_Parse = Callable[[dict[str, Any]], _Thing]


def is_alive(container: Container) -> bool:
    """Say whether the container's process runs.

    Podman goes on saying "Up" after a hard kill of the process and its monitor, and after a reboot where /run is on
    disk; the process id may be another process's by then. So the process must be there, and in the container's cgroup.
    """
    process = PROCESSES / str(container.pid)
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        cgroups = (process / "cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie, which nobody waited for yet, and a process that is being removed.
    return state not in "ZX" and container.id in cgroups


class Podman:
    """The podman of this machine. Every method can be called again after an interruption."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment of an instance's tools: it says which configuration podman reads."""
        self._environment = {**environment, "PATH": extend_path(environment.get("PATH", ""))}

    def is_installed(self) -> bool:
        return shutil.which("podman", path=self._environment["PATH"]) is not None

    def containers(self, instance: str) -> list[Container]:
        """Return an instance's containers in all states."""
        return self._list(_parse_container, "ps", "--all", "--filter", f"label={INSTANCE_LABEL}={instance}")

    def run(
        self,
        name: str,
        image: str,
        labels: Mapping[str, str],
        options: Sequence[str] = (),
        command: Sequence[str] = (),
    ) -> str:
        """Run a container in the background and return its id. One of that name is removed first.

        Raises:
            NotOurs: a container of that name is not this project's, or another instance's.
        """
        self._remove_container(name, STOP_SECONDS, labels[INSTANCE_LABEL])
        # Images are built here: one that is missing must not be looked for on the internet.
        arguments = ["--detach", "--pull", "never", "--name", name, *_label(labels), *options, image, *command]
        return self._run("run", *arguments).split()[-1]

    def remove_container(self, name: str, seconds: int = STOP_SECONDS) -> None:
        """End a container and remove it, whatever state it is in. One that is not there is no error.

        Raises:
            NotOurs: it is not this project's.
        """
        self._remove_container(name, seconds, None)

    def logs(self, name: str, tail: int) -> str:
        """Return the last lines that a container printed, to standard output and standard error."""
        # Podman's own --tail (4.3) loses the text of a line that was written in two parts.
        return "".join(self._run("logs", name, merge=True).splitlines(keepends=True)[-tail:])

    def networks(self, instance: str) -> list[str]:
        """Return the names of an instance's networks."""
        found = self._list(_parse_network, "network", "ls", "--filter", f"label={INSTANCE_LABEL}={instance}")
        return [network.name for network in found]

    def make_network(self, name: str, labels: Mapping[str, str]) -> bool:
        """Make a network unless it is there; return whether this call made it.

        Raises:
            NotOurs: a network of that name is not this project's, or another instance's.
        """
        return self._make("network", _parse_network, name, labels)

    def remove_network(self, name: str) -> None:
        """Remove a network, which no container may be using. One that is not there is no error.

        Raises:
            NotOurs: it is not this project's.
        """
        self._remove("network", _parse_network, name)

    def volumes(self, instance: str) -> list[str]:
        """Return the names of an instance's volumes."""
        found = self._list(_parse_volume, "volume", "ls", "--filter", f"label={INSTANCE_LABEL}={instance}")
        return [volume.name for volume in found]

    def make_volume(self, name: str, labels: Mapping[str, str]) -> bool:
        """Make a volume unless it is there; return whether this call made it.

        Raises:
            NotOurs: a volume of that name is not this project's, or another instance's.
        """
        return self._make("volume", _parse_volume, name, labels)

    def remove_volume(self, name: str) -> None:
        """Remove a volume with all that it holds; no container may be using it. One that is not there is no error.

        Raises:
            NotOurs: it is not this project's.
        """
        self._remove("volume", _parse_volume, name)

    def secrets(self, instance: str) -> list[str]:
        """Return the names of an instance's secrets."""
        return [secret.name for secret in self._list_secrets() if secret.labels.get(INSTANCE_LABEL) == instance]

    def remove_secret(self, name: str) -> None:
        """Remove a secret; a container that was made with it keeps a copy. One that is not there is no error.

        Raises:
            NotOurs: it is not this project's.
        """
        found = next((secret for secret in self._list_secrets() if secret.name == name), None)
        _require_ours("secret", found)
        if found:
            self._run("secret", "rm", name)

    def owners(self, purpose: str | None = None) -> set[str]:
        """Return the instances that own anything but images; with `purpose` only those made for it."""
        wanted = INSTANCE_LABEL if purpose is None else f"{PURPOSE_LABEL}={purpose}"
        filters = ("--filter", f"label={wanted}")
        found: list[Container | _Thing] = [
            *self._list(_parse_container, "ps", "--all", *filters),
            *self._list(_parse_network, "network", "ls", *filters),
            *self._list(_parse_volume, "volume", "ls", *filters),
            *(it for it in self._list_secrets() if purpose in (None, it.labels.get(PURPOSE_LABEL))),
        ]
        return {thing.labels[INSTANCE_LABEL] for thing in found if INSTANCE_LABEL in thing.labels}

    def images(self) -> list[Image]:
        """Return this project's images on this machine, whichever clone built them."""
        # Podman lists an image once for each of its names, with all of them.
        found = self._list(_parse_image, "images", "--filter", f"label={IMAGE_LABEL}")
        return list({image.id: image for image in found}.values())

    def remove_images(self, images: Iterable[Image]) -> None:
        """Remove images, which no container may be using. One that is not there is no error."""
        # By name: an image that has several is not removed by its id without force, which would remove containers too.
        names = [name for image in images for name in image.names or (image.id,)]
        if names:
            self._run("rmi", "--ignore", *names)

    def _make(self, kind: str, parse: _Parse, name: str, labels: Mapping[str, str]) -> bool:
        found = self._find(parse, name, kind, "ls")
        if found is None:
            self._run(kind, "create", *_label(labels), name)
            return True
        _require_ours(kind, found, labels[INSTANCE_LABEL])
        return False

    def _remove(self, kind: str, parse: _Parse, name: str) -> None:
        found = self._find(parse, name, kind, "ls")
        _require_ours(kind, found)
        if found:
            self._run(kind, "rm", name)

    def _remove_container(self, name: str, seconds: int, instance: str | None) -> None:
        found = self._find(_parse_container, name, "ps", "--all")
        _require_ours("container", found, instance)
        alive = found is not None and is_alive(found)
        if found and not alive:
            _end_leftovers(found)
        # Podman would wait for a dead one, too.
        patience = seconds if alive else 0
        # A container that was cut off while it was made is not listed and keeps its name, so podman is asked anyway.
        self._insist("rm", "--force", "--ignore", "--time", str(patience), name)

    def _insist(self, *arguments: str) -> None:
        """Run a command again if it fails: after a hard kill the first failure has podman learn what is gone."""
        for _ in range(ATTEMPTS - 1):
            try:
                self._run(*arguments)
            except PodmanFailed:
                time.sleep(PAUSE_SECONDS)
            else:
                return
        self._run(*arguments)

    def _find(self, parse: Callable[[dict[str, Any]], _Row], name: str, *command: str) -> _Row | None:
        """Return what has exactly this name."""
        # The filter is a regular expression. Podman's own lookups also take the beginning of an id for a name.
        found = self._list(parse, *command, "--filter", f"name=^{name}$")
        return found[0] if found else None

    def _list(self, parse: Callable[[dict[str, Any]], _Row], *command: str) -> list[_Row]:
        printed = self._run(*command, "--format", "json")
        try:
            return [parse(row) for row in json.loads(printed) or []]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise PodmanFailed(f"podman {' '.join(command)} printed what is not understood ({error!r})") from None

    def _list_secrets(self) -> list[_Thing]:
        """Return all secrets on this machine: podman (4.3) neither filters them by label nor lists their labels."""
        for _ in range(ATTEMPTS):
            ids = self._run("secret", "ls", "--quiet").split()
            try:
                return [_parse_secret(row) for row in json.loads(self._run("secret", "inspect", *ids))] if ids else []
            except PodmanFailed as error:
                # Another command removed one since it was listed.
                if "no such secret" not in str(error):
                    raise
            except (ValueError, KeyError, TypeError) as error:
                raise PodmanFailed(f"podman secret inspect printed what is not understood ({error!r})") from None
        raise PodmanFailed("podman secret inspect: secrets come and go all the time")

    def _run(self, *arguments: str, merge: bool = False) -> str:
        """Run a podman command and return its standard output; with `merge` its standard error among it."""
        command = f"podman {' '.join(arguments)}"
        try:
            ended = subprocess.run(
                ["podman", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merge else subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=COMMAND_SECONDS,
            )
        except FileNotFoundError:
            raise PodmanFailed("there is no podman yet: run `make up`") from None
        except subprocess.TimeoutExpired:
            raise PodmanFailed(f"{command}\ndid not end within {COMMAND_SECONDS} s") from None
        if ended.returncode != 0:
            complaint = ended.stdout if merge else ended.stderr
            raise PodmanFailed("\n".join([command, *complaint.strip().splitlines()[-10:]]))
        return ended.stdout


def _require_ours(kind: str, found: Container | _Thing | None, instance: str | None = None) -> None:
    if found is None:
        return
    owner = found.labels.get(INSTANCE_LABEL)
    if owner is None:
        raise NotOurs(
            f"{kind} {found.name} was not made by Faregate (it has no label {INSTANCE_LABEL}): "
            f"remove it, or choose another INSTANCE"
        )
    if instance not in (None, owner):
        raise NotOurs(f"{kind} {found.name} belongs to instance {owner}: choose another INSTANCE")


def _end_leftovers(dead: Container) -> None:
    """End what still runs of a container whose own process does not.

    Where podman was killed between making a container and starting it, it never learnt of the process that waits to
    become the container's; removing the container would leave that behind.
    """
    for process in PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if dead.id in (process / "cgroup").read_text():
                os.kill(int(process.name), signal.SIGKILL)


def _label(labels: Mapping[str, str]) -> list[str]:
    return [f"--label={name}={value}" for name, value in labels.items()]


def _parse_container(row: dict[str, Any]) -> Container:
    return Container(
        name=row["Names"][0],
        id=row["Id"],
        image=row["Image"],
        labels=row["Labels"] or {},
        pid=int(row["Pid"]),
        created=datetime.fromtimestamp(row["Created"], UTC),
        published=frozenset(int(port["host_port"]) for port in row.get("Ports") or []),
    )


def _parse_network(row: dict[str, Any]) -> _Thing:
    return _Thing(row["name"], row.get("labels") or {})


def _parse_volume(row: dict[str, Any]) -> _Thing:
    return _Thing(row["Name"], row["Labels"] or {})


def _parse_secret(row: dict[str, Any]) -> _Thing:
    return _Thing(row["Spec"]["Name"], row["Spec"].get("Labels") or {})


def _parse_image(row: dict[str, Any]) -> Image:
    return Image(
        id=row["Id"],
        names=tuple(row.get("Names") or ()),
        labels=row["Labels"] or {},
        created=datetime.fromtimestamp(row["Created"], UTC),
    )

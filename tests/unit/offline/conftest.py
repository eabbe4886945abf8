"""A machine of a test's own: empty state and cache, and a folder of programs that stand in for the real ones."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.loopback import serve
from tests.unit.offline import fake_podman

# A deadline would make the speed of the machine a part of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Consoles look at these as soon as their module is imported, which is after this one is.
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)

# What would lead out of the test.
AMBIENT_PREFIXES = ("ANSIBLE_", "AWS_", "CONTAINER_", "CONTAINERS_", "PULUMI_", "FAREGATE_", "XDG_")
AMBIENT = ("KUBECONFIG", "INSTANCE")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class FakePodman:
    """What the stand-in of podman keeps below a folder, and the processes of its containers."""

    folder: Path

    @property
    def processes(self) -> Path:
        """What `/proc` is for whoever looks for a container's process."""
        return self.folder / "proc"

    @property
    def asked(self) -> list[str]:
        """The commands that changed something or read a log, in order."""
        record = self.folder / "asked"
        lines = record.read_text().splitlines() if record.exists() else []
        return [line for line in lines if not re.match(r"ps |images |--|\w+ (ls|inspect)( |$)", line)]

    def names(self, kind: str) -> list[str]:
        """Return the names of what there is of a kind."""
        return [fake_podman.name_of(row) for row in fake_podman.read(self.folder)[kind]]

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return fake_podman.read(self.folder)[kind]

    def add(self, kind: str, name: str, instance: str | None = "blue", purpose: str = "test", image: str = "x") -> None:
        """Add something as if an instance had made it; without one it is somebody else's."""
        labels = {"faregate.instance": instance, "faregate.purpose": purpose} if instance else {}
        if kind == "images":
            labels = {"faregate.image": "x"} if instance else {}
        shelf = fake_podman.read(self.folder)
        shelf[kind].append(fake_podman.make_row(kind, name, labels, image))
        fake_podman.write(self.folder, shelf)

    def live(self) -> None:
        """Let the process of every container be there."""
        process = self.processes / str(fake_podman.PID)
        process.mkdir(parents=True, exist_ok=True)
        (process / "stat").write_text(f"{fake_podman.PID} (server) S 1 1\n")
        (process / "cgroup").write_text(f"1:pids:/libpod_parent/libpod-{fake_podman.ID}\n")

    def die(self) -> None:
        """Let the process of every container be another's, though podman still says that they run."""
        self.live()
        (self.processes / str(fake_podman.PID) / "cgroup").write_text("1:pids:/user.slice\n")


@dataclass(frozen=True)
class Machine:
    """Folders of the test, and the programs in one of them."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def programs(self) -> Path:
        """The first folder of PATH."""
        return self.root / "programs"

    def install(self, name: str, body: str) -> Path:
        """Put a shell script on PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def install_pulumi(self, answers: Mapping[str, str], version: str = "v3.259.0") -> None:
        """Put a Pulumi CLI on PATH that records each command and answers it with shell code: by what it begins with."""
        cases = "".join(f"{shlex.quote(words)}*) {code} ;;\n" for words, code in answers.items())
        self.install(
            "pulumi",
            f'[ "$*" = version ] && {{ echo {version}; exit; }}\n'
            f'echo "$*" >> {shlex.quote(str(self.root / "commands"))}\n'
            f'case "$*" in\n{cases}esac\n',
        )

    def install_podman(self) -> FakePodman:
        """Put a podman on PATH that keeps lists of what there is, and starts nothing."""
        folder = self.root / "podman"
        folder.mkdir()
        command = [sys.executable, "-IS", fake_podman.__file__, str(folder)]
        self.install("podman", f'exec {shlex.join(command)} "$@"')
        return FakePodman(folder)

    @property
    def pulumi_commands(self) -> list[str]:
        """What the Pulumi CLI was asked for so far."""
        record = self.root / "commands"
        return record.read_text().splitlines() if record.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Point everything that this user's machine is known by at folders of this test."""
    machine = Machine(tmp_path)
    machine.programs.mkdir()
    for name in os.environ:
        if name.startswith(AMBIENT_PREFIXES) or name in AMBIENT or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(machine.state))
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine.cache))
    monkeypatch.setenv("PATH", f"{machine.programs}:/usr/bin:/bin")
    return machine


def find_closed_port() -> int:
    """Return a port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def closed_port() -> int:
    return find_closed_port()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket of this process that listens on a port of loopback."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


@dataclass
class Site:
    """A web server on loopback; a path that it does not have is a 404."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    """What a path that is there is answered with, if not 200."""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """The path and the JSON of each POST."""
    keys: list[str | None] = field(default_factory=list)
    """What each POST proved itself with."""
    headers: dict[str, str] = field(default_factory=dict)
    """What else every answer says."""
    cut: bool = False
    """Whether it stops in the middle of every file."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, site: Site, *arguments: object) -> None:
        self.site = site
        super().__init__(*arguments)  # type: ignore[arg-type] # whatever socketserver hands over

    def do_GET(self) -> None:
        content = self._answer()
        if content:
            self.wfile.write(content[: len(content) // 2] if self.site.cut else content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.site.asked.append((self.path, json.loads(body or "null")))
        self.site.keys.append(self.headers["Authorization"])
        self.do_GET()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> bytes | None:
        content = self.site.files.get(self.path)
        self.send_response(404 if content is None else self.site.codes.get(self.path, 200))
        self.send_header("Content-Length", str(len(content or b"")))
        for name, value in self.site.headers.items():
            self.send_header(name, value)
        self.end_headers()
        return content

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site("")
    with serve(functools.partial(_Handler, site)) as site.url:
        yield site

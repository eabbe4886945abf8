"""Role `workload`: a secret is a file that only the container's user reads, and a new value is a new container."""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from offline.instance import Home
from offline.podman import Podman
from offline.remains import find_remains
from tests.integration.playbooks.play import Ended, Play

from .scene import PYTHON, Workload, get

READS = [{"name": "password", "secret": "database_gateway"}, {"name": "other", "secret": "database_admin"}]

RECORDING_PODMAN = """#!/bin/sh
{{ echo "$*"; env; }} >> {record}
exec {podman} "$@"
"""


@dataclass(frozen=True)
class Reader:
    """A workload that reads two secrets, every value that they ever had, and what podman was started with."""

    workload: Workload
    values: list[str] = field(default_factory=list)

    @property
    def instance(self) -> str:
        return self.workload.machine.instance

    @property
    def record(self) -> Path:
        """Arguments and environment of every podman that the role started."""
        return self.workload.folder / "record"

    def write(self, secret: str) -> str:
        """Give a secret a value that it never had; return it."""
        folder = self.workload.folder / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        value = secrets.token_urlsafe(24)
        (folder / secret).write_text(f"{value}\n")
        self.values.append(value)
        return value

    def run(self, *arguments: str, **changes: Any) -> Ended:
        """Run the role. Whatever comes of it, nobody is told a value."""
        play = self.workload.play()
        ended = self._play(play).run("-vvv", *arguments, workload_spec=self.workload.spec(secrets=READS, **changes))
        self.require_silence(ended.printed, self.record.read_text())
        return ended

    def look(self) -> Ended:
        """Examine it as `status.yml` does, and print what was found."""
        examine = {"name": "workload", "tasks_from": "examine"}
        spec = {"workload_specs": [self.workload.spec(secrets=READS)]}
        told = {"msg": "{{ item.name }} {{ item.reason }}"}
        return self.workload.run_tasks(
            {"include_role": examine, "vars": spec},
            {"debug": told, "loop": "{{ workload_secrets.unfit + workload_found.unfit }}"},
        )

    def require_silence(self, *texts: str) -> None:
        assert not [value for value in self.values for text in texts if value in text]

    def kept(self) -> dict[str, str]:
        """Return what podman calls the secrets of the workload, each of which has one version."""
        labels = {"instance": self.instance, "purpose": "test", "workload": self.workload.name}
        names = self.workload.podman.list_secrets(**labels)
        kept = {name.removeprefix(f"faregate-{self.instance}-").rpartition("-")[0]: name for name in names}
        assert len(kept) == len(names)
        return kept

    def container(self) -> dict[str, Any]:
        (container,) = self.workload.containers().values()
        return container

    def read_as(self, user: str, path: str) -> str:
        """Read a file in the container as any of its users; return what is read, or the complaint."""
        program = [*PYTHON, "-c", f"print(open({path!r}).read(), end='')"]
        ended = subprocess.run(
            ["podman", "exec", "--user", user, self.container()["Name"], *program],
            env=dict(self.workload.podman.environment),
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return ended.stdout

    def _play(self, play: Play) -> Play:
        folder = self.workload.folder / "bin"
        if not folder.exists():
            folder.mkdir()
            path = self.workload.podman.environment["PATH"]
            script = RECORDING_PODMAN.format(record=self.record, podman=shutil.which("podman", path=path))
            (folder / "podman").write_text(script)
            (folder / "podman").chmod(0o755)
        path = f"{folder}:{self.workload.podman.environment['PATH']}"
        return dataclasses.replace(play, environment={**play.environment, "PATH": path})


@pytest.fixture
def reader(workload: Workload) -> Reader:
    reader = Reader(workload)
    reader.write("database_gateway")
    reader.write("database_admin")
    return reader


def test_a_secret_is_read_by_the_container_s_user_and_nobody_else_and_goes_with_the_instance(reader: Reader) -> None:
    gateway, admin = reader.values
    podman = reader.workload.podman
    checked = reader.run("--check")
    assert checked.changed > 0
    assert (reader.kept(), reader.workload.ids()) == ({}, {})

    assert reader.run().changed > 0

    container = reader.container()
    assert "secret create" in reader.record.read_text()
    assert get(container, "/read/run/secrets/password") == gateway
    assert get(container, "/read/run/secrets/other") == admin
    for path in ("/run/secrets/password", "/run/secrets/new"):
        assert get(container, f"/write{path}").endswith(("Read-only file system", "Permission denied"))
    assert " /run/secrets tmpfs ro," in reader.read_as("999:999", "/proc/self/mounts")
    assert reader.read_as("999:999", "/run/secrets/password") == gateway
    for user in ("998:999", "0:0"):
        assert "Permission denied" in reader.read_as(user, "/run/secrets/password")
    process = Path(f"/proc/{container['State']['Pid']}")
    reader.require_silence(
        json.dumps(container),
        podman.ask("secret", "inspect", *reader.kept().values()),
        podman.ask("logs", container["Name"]),
        (process / "environ").read_text(),
        (process / "cmdline").read_text(),
    )

    before = (reader.kept(), reader.workload.ids())
    assert reader.run().changed == 0
    assert (reader.kept(), reader.workload.ids()) == before

    # As `make down` does it, but for the network, which other tests use.
    neighbour = f"faregate-{reader.instance}-x-database_gateway-0123456789abcdef"
    podman.ask("secret", "create", f"--label=faregate.instance={reader.instance}-x", neighbour, str(reader.record))
    try:
        home = Home(reader.workload.folder / reader.instance)
        remains = find_remains(home, Podman(podman.environment))
        assert sorted(remains.secrets) == sorted(before[0].values())
        dataclasses.replace(remains, networks=[]).remove(keep_ledger=False)
        assert reader.kept() == {}
        assert podman.ask("secret", "ls", "--format={{.Name}}").split().count(neighbour) == 1
    finally:
        podman.ask("secret", "rm", neighbour)


def test_a_value_that_changes_and_a_secret_that_is_gone_make_a_new_secret_and_a_new_container(reader: Reader) -> None:
    reader.run()
    first, old = reader.kept(), reader.workload.ids()
    value = reader.write("database_gateway")

    assert reader.run("--check").changed > 0
    assert (reader.kept(), reader.workload.ids()) == (first, old)

    reader.run()
    second, new = reader.kept(), reader.workload.ids()
    assert second["database_admin"] == first["database_admin"], "its value is the same"
    assert second["database_gateway"] != first["database_gateway"]
    assert new != old
    assert get(reader.container(), "/read/run/secrets/password") == value

    reader.workload.podman.ask("secret", "rm", second["database_admin"])
    seen = reader.look()
    assert seen.changed == 0
    assert f"faregate-{reader.instance}-database_admin is missing" in seen.printed
    assert f"{reader.workload.prefix}-1 is not as the spec says" in seen.printed
    assert (list(reader.kept()), reader.workload.ids()) == (["database_gateway"], new), "looking changes nothing"

    reader.run()
    assert reader.kept().keys() == first.keys()
    assert reader.kept()["database_gateway"] == second["database_gateway"]
    assert reader.workload.ids() != new
    assert get(reader.container(), "/read/run/secrets/other") == reader.values[1]

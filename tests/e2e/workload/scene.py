"""An instance of a test's own on the machine's real podman, and an image that is made of the running Python."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline.container_names import IMAGE_LABEL, INSTANCE_LABEL, PURPOSE_LABEL
from tests.integration.playbooks.play import Ended, Play, use_role

PYTHON = (str(Path(sys._base_executable).resolve()), "-I", "-S")  # type: ignore[attr-defined]
"""The Python that runs this, without its virtual environment and without site-packages."""

LIST_MODULES = """
import runpy, sys
runpy.run_path(sys.argv[1], run_name="packed")
print(*(file for file in (getattr(module, "__file__", None) for module in sys.modules.values()) if file), sep="\\n")
import encodings.idna, stringprep, unicodedata
print(encodings.idna.__file__, stringprep.__file__, getattr(unicodedata, "__file__", ""), sep="\\n")
"""
"""What a server needs of Python's library, and what the resolution of names loads later."""


@dataclass(frozen=True)
class Podman:
    """The machine's podman, with the configuration that this project writes."""

    environment: Mapping[str, str]

    def ask(self, *arguments: str) -> str:
        ended = subprocess.run(
            ["podman", *arguments], env=dict(self.environment), check=False, capture_output=True, text=True
        )
        assert ended.returncode == 0, f"podman {' '.join(arguments)}\n{ended.stderr}"
        return ended.stdout.strip()

    def exists(self, kind: str, name: str) -> bool:
        command = ["podman", kind, "exists", name]
        return subprocess.run(command, env=dict(self.environment), check=False, capture_output=True).returncode == 0

    def inspect(self, kind: str, *names: str) -> list[dict[str, Any]]:
        return list(json.loads(self.ask(kind, "inspect", *names))) if names else []

    def list_containers(self, **labels: str) -> list[dict[str, Any]]:
        """Return what `podman inspect` says of the containers with these labels."""
        filters = [f"--filter=label=faregate.{name}={value}" for name, value in labels.items()]
        names = self.ask("ps", "--all", "--format={{.Names}}", *filters).split()
        return self.inspect("container", *sorted(names))

    def list_secrets(self, **labels: str) -> list[str]:
        """Return the names of the secrets with these labels, by which podman lists none."""
        wanted = {f"faregate.{name}": value for name, value in labels.items()}.items()
        specs = [found["Spec"] for found in self.inspect("secret", *self.ask("secret", "ls", "--quiet").split())]
        return [str(spec["Name"]) for spec in specs if wanted <= (spec["Labels"] or {}).items()]


@dataclass(frozen=True)
class Machine:
    """An image and a network, which the tests of a worker share."""

    podman: Podman
    image: str
    instance: str = field(default_factory=lambda: f"x{secrets.token_hex(4)}")

    @property
    def labels(self) -> dict[str, str]:
        return {INSTANCE_LABEL: self.instance, PURPOSE_LABEL: "test"}

    @property
    def network(self) -> str:
        return f"faregate-{self.instance}"

    def set_up(self, archive: Path) -> None:
        self.podman.ask("network", "create", *as_options(self.labels), self.network)
        pack_python(archive)
        entry = json.dumps([*PYTHON, "-u", "/serving.py"])
        changes = [f"LABEL {IMAGE_LABEL}=x", f"ENTRYPOINT {entry}"]
        self.podman.ask("import", "--quiet", *(f"--change={change}" for change in changes), str(archive), self.image)

    def tear_down(self) -> None:
        """Remove everything that carries the instance's label, and the image."""
        listed = f"--filter=label={INSTANCE_LABEL}={self.instance}"
        for _ in range(2):  # after a hard kill podman must be told twice
            for name in self.podman.ask("ps", "--all", listed, "--format={{.Names}}").split():
                subprocess.run(
                    ["podman", "rm", "--force", "--time=0", name],
                    env=dict(self.podman.environment),
                    check=False,
                    capture_output=True,
                )
        for secret in self.podman.list_secrets(instance=self.instance):
            self.podman.ask("secret", "rm", secret)
        for volume in self.podman.ask("volume", "ls", "--quiet", listed).split():
            self.podman.ask("volume", "rm", volume)
        for network in self.podman.ask("network", "ls", "--quiet", listed).split():
            self.podman.ask("network", "rm", network)
        self.podman.ask("rmi", "--force", "--ignore", self.image)


@dataclass(frozen=True)
class Workload:
    """A workload of a test's own, and the play that runs it."""

    machine: Machine
    folder: Path
    name: str = field(default_factory=lambda: f"w{secrets.token_hex(4)}")

    @property
    def podman(self) -> Podman:
        return self.machine.podman

    @property
    def prefix(self) -> str:
        """What the names of its containers begin with."""
        return f"faregate-{self.machine.instance}-{self.name}"

    def spec(self, **changes: Any) -> dict[str, Any]:
        """Return a spec with these fields; one that is None is left out."""
        spec = {
            "name": self.name,
            "image": "serving",
            "version": "v1",
            "replicas": 1,
            "port": 8000,
            "probe": {"http": "/health"},
            "memory_mib": 64,
            "start_seconds": 30,
            "stop_seconds": 20,
            **changes,
        }
        return {name: value for name, value in spec.items() if value is not None}

    def play(self) -> Play:
        variables = {
            "workload_instance": {"name": self.machine.instance, "purpose": "test"},
            "workload_folder": str(self.folder),
            "workload_images": {"serving": self.machine.image},
            "workload_region": "eu-central-1",
            "workload_target": "podman",
        }
        return use_role("workload", self.folder, variables, {"CONTAINERS_CONF": self.containers_conf})

    @property
    def containers_conf(self) -> str:
        return self.podman.environment["CONTAINERS_CONF"]

    def run(self, *arguments: str, **changes: Any) -> Ended:
        """Run the role with a spec."""
        return self.play().run(*arguments, workload_spec=self.spec(**changes))

    def run_tasks(self, *tasks: dict[str, Any]) -> Ended:
        """Run tasks in a play that has the role's variables but the spec."""
        plays = [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
        return dataclasses.replace(self.play(), plays=plays).run()

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what `podman inspect` says of its replicas, by number."""
        found = self.podman.list_containers(instance=self.machine.instance, workload=self.name)
        return {container["Name"].removeprefix(f"{self.prefix}-"): container for container in found}

    def ids(self) -> dict[str, str]:
        return {number: container["Id"] for number, container in self.containers().items()}

    def stand_in(self, name: str, *options: str, **labels: str) -> str:
        """Make a container that the role did not make; return its id."""
        labelled = {**self.machine.labels, **{f"faregate.{label}": value for label, value in labels.items()}}
        return self.podman.ask("create", f"--name={name}", *as_options(labelled), *options, self.machine.image)

    def remove(self) -> None:
        for container in self.containers().values():
            self.podman.ask("rm", "--force", "--ignore", "--time=0", container["Name"])
        for secret in self.podman.list_secrets(instance=self.machine.instance, workload=self.name):
            self.podman.ask("secret", "rm", secret)


def address_of(container: Mapping[str, Any]) -> str:
    (network,) = container["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def get(container: Mapping[str, Any], path: str = "/") -> Any:
    """Return what a replica answers."""
    return get_from(f"{address_of(container)}:8000", path)


def get_from(address: str, path: str = "/") -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}{path}", timeout=10) as answer:
        return json.loads(answer.read())


def as_options(labels: Mapping[str, str]) -> list[str]:
    return [f"--label={name}={value}" for name, value in labels.items()]


def pack_python(archive: Path) -> None:
    """Write the running Python with what the server needs as the root of a container."""
    server = Path(__file__).with_name("serving.py")
    listed = subprocess.run([*PYTHON, "-c", LIST_MODULES, server], capture_output=True, text=True, check=True)
    modules = {Path(line) for line in listed.stdout.split() if line != str(server)}
    programs = [Path(PYTHON[0]), *(module for module in modules if ".so" in module.name)]
    libraries: set[Path] = set()
    for program in programs:
        needed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        libraries.update(Path(library) for library in re.findall(r"/\S+", needed))
    with tarfile.open(archive, "w") as tar:
        for path in {Path(PYTHON[0]), *modules, *libraries}:
            tar.add(path.resolve(), str(path))
        tar.add(server, "serving.py")

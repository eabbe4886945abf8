"""Instances of the tests' own, used as a user would: `make`, and the real tools after `source offline/activate`."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import boto3
import psutil
import psycopg
import pytest
import yaml

from contract.instance import Instance
from contract.outputs import Outputs
from offline import simulation
from offline.container_names import name_container
from offline.instance import Home, find_home
from offline.podman import Container
from offline.remains import find_remains
from offline.simulation import endpoint_of
from offline.stack_file import read_settings
from offline.tools import open_podman

REPOSITORY = Path(__file__).parents[2]

Completed = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Environment:
    """One instance of `local`."""

    name: str
    first_up: str = ""
    """What the first `make up` printed."""

    @property
    def home(self) -> Home:
        return find_home(self.name)

    @property
    def instance(self) -> Instance:
        return self.home.read()

    def make(self, target: str, *arguments: str, check: bool = True) -> Completed:
        """Run `make TARGET` for this instance."""
        command = ["make", "--no-print-directory", target, f"INSTANCE={self.name}", "PURPOSE=test", *arguments]
        return run(command, check=check)

    def begin(self, target: str) -> subprocess.Popen[bytes]:
        """Start `make TARGET` in a session of its own, so that a signal can go to all of its processes."""
        command = ["make", target, f"INSTANCE={self.name}", "PURPOSE=test"]
        return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, start_new_session=True)

    def shell(self, command: str, *, check: bool = True, **variables: str) -> Completed:
        """Run a command in bash as after `source offline/activate`."""
        script = f"source offline/activate && {command}"
        return run(["bash", "-c", script], check=check, INSTANCE=self.name, **variables)

    def outputs(self) -> Outputs:
        return Outputs.model_validate(json.loads(self.shell("pulumi stack output --json -s local").stdout))

    def resources(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Return the id and the inputs of each resource of AWS and Kubernetes in the stack's state, by URN."""
        exported = json.loads(self.shell("pulumi stack export -s local").stdout)
        return {
            resource["urn"]: (resource["id"], resource["inputs"])
            for resource in exported["deployment"].get("resources", [])
            if resource["type"].startswith(("aws:", "kubernetes:"))
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client of the simulated AWS."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=endpoint_of(self.instance.ports.simulation),
            region_name=read_settings("local").region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def podman(self, *arguments: str) -> str:
        """Return what a podman command prints."""
        return self.shell(f"podman {shlex.join(arguments)}").stdout

    def containers(self) -> dict[str, Container]:
        """Return the instance's containers by their part of it: `database-1`, `simulation`."""
        prefix = name_container(self.name, "")
        return {found.name.removeprefix(prefix): found for found in open_podman().containers(self.name)}

    def find_address(self, part: str) -> str:
        """Return a container's address on the instance's network."""
        [found] = json.loads(self.podman("container", "inspect", self.containers()[part].name))
        [network] = found["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def read_metrics(self, part: str, port: int) -> str:
        """Return what a container's /metrics says on the instance's network."""
        with urllib.request.urlopen(f"http://{self.find_address(part)}:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def count_output_tokens(self, engine: str) -> int:
        """Return how many tokens an engine has put out since it started."""
        metrics = self.read_metrics(engine, 8000)
        [value] = re.findall(r"^llamacpp:tokens_predicted_total (\S+)", metrics, re.MULTILINE)
        return int(float(value))

    def read_account(self, account: str = "demo") -> dict[str, Any]:
        """Return what the ledger says of an account: its balance and what is held of it, in nano-dollars."""
        [row] = json.loads(self.shell(f"python -m services.billing balance {account} --json").stdout)
        return cast("dict[str, Any]", row)

    def connect(self, role: str, password: str | None = None) -> psycopg.Connection:
        """Connect to the billing database over TCP, with the password that the instance keeps or another one."""
        database = self.outputs().billing_database
        return psycopg.connect(
            host=database.host,
            port=database.port,
            dbname=database.name,
            user=role,
            password=password or (self.home.folder / "secrets" / role.replace("_", "_database_")).read_text().strip(),
            autocommit=True,
        )

    def kill(self, part: str) -> None:
        """End a container as a crash of the machine does: process and monitor at once, so that podman never learns."""
        container = self.containers()[part]
        monitor = json.loads(self.podman("container", "inspect", container.name))[0]["State"]["ConmonPid"]
        for pid in (monitor, container.pid):
            process = psutil.Process(pid)
            process.kill()
            process.wait(10)

    def is_running(self) -> bool:
        """Say whether the simulation answers."""
        return self.home.exists and simulation.answers(self.instance.ports.simulation)

    def write_config(self, path: Path, change: Callable[[dict[str, Any]], None]) -> str:
        """Write a changed copy of the stack's configuration; return the option that names it."""
        document = yaml.safe_load((REPOSITORY / "stacks" / "Pulumi.local.yaml").read_text())
        change(document["config"])
        path.write_text(yaml.safe_dump(document))
        return f"--config-file {shlex.quote(str(path))}"


def run(command: list[str], *, check: bool = True, **variables: str) -> Completed:
    """Run a command at the repository's root; a failure that was not expected shows what it printed."""
    ambient = {key: value for key, value in os.environ.items() if key not in ("INSTANCE", "MAKEFLAGS", "MAKELEVEL")}
    ended = subprocess.run(
        command, cwd=REPOSITORY, env={**ambient, **variables}, capture_output=True, text=True, check=False
    )
    if check and ended.returncode != 0:
        pytest.fail(f"{shlex.join(command)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.05)


def list_processes(instance: str) -> list[str]:
    """Return the command lines of processes that work for an instance."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(find_home(instance).folder) in process.environ().get("FAREGATE_INSTANCE", ""):
                found.append(" ".join(process.cmdline()))
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def remove(environment: Environment) -> None:
    """Remove an instance and check that nothing of it is left."""
    environment.make("down", "YES=1")
    assert not find_remains(environment.home, open_podman())
    assert list_processes(environment.name) == []


@pytest.fixture
def new_environment() -> Iterator[Environment]:
    """An instance that does not exist yet; whatever the test makes of it is removed."""
    environment = Environment(f"t{secrets.token_hex(4)}")
    yield environment
    remove(environment)


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """An instance that is up. A test that changes it brings it back."""
    environment = Environment(f"t{secrets.token_hex(4)}")
    environment = replace(environment, first_up=environment.make("up").stdout)
    yield environment
    remove(environment)

"""The whole program under mocks: what it registers and exports, with no engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.instance import Instance, InstancePorts

REPOSITORY = Path(__file__).parents[3]


@dataclass
class Registered:
    """One resource that the program asked for, with its inputs as the engine would get them."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str


@dataclass
class Program:
    """What one run of the program registered, exported, and told its user."""

    resources: list[Registered]
    outputs: dict[str, Any]
    error: str

    def of_type(self, token: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.type == token]

    def one(self, token: str, name: str | None = None) -> Registered:
        found = [resource for resource in self.of_type(token) if name in (None, resource.name)]
        assert len(found) == 1, f"{token} {name or ''}: {len(found)} registered; {self.error}"
        return found[0]


@pytest.fixture(scope="session")
def config() -> dict[str, str]:
    """The shipped configuration of `local`, as the engine hands it over."""
    document = yaml.safe_load((REPOSITORY / "stacks" / "Pulumi.local.yaml").read_text())
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance(
        name="unit",
        purpose="test",
        ports=InstancePorts(gateway=21001, database=21002, metrics=21003, alerts=21004, simulation=21005),
        manifests=tmp_path_factory.mktemp("manifests"),
    )


@pytest.fixture(scope="session")
def run_program(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Program]:
    """Run `infra/__main__.py` with a configuration; `active=False` runs it with none active."""
    record = tmp_path_factory.mktemp("instance") / "instance.json"
    record.write_text(instance.model_dump_json())

    def run(config: dict[str, str], *, active: bool = True) -> Program:
        environment = {key: value for key, value in os.environ.items() if key != "FAREGATE_INSTANCE"}
        if active:
            environment["FAREGATE_INSTANCE"] = str(record)
        ended = subprocess.run(
            [sys.executable, "-P", str(Path(__file__).with_name("mocked_program.py"))],
            input=json.dumps(config),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        document = json.loads(ended.stdout) if ended.returncode == 0 else {"resources": [], "outputs": {}}
        resources = [Registered(**resource) for resource in document["resources"]]
        return Program(resources=resources, outputs=document["outputs"], error=ended.stderr)

    return run


@pytest.fixture(scope="session")
def program(run_program: Callable[..., Program], config: dict[str, str]) -> Program:
    """The program with the shipped configuration."""
    return run_program(config)

"""An instance: one copy of `local` or `kube` on a machine, kept as a JSON file."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from contract.base import Model, Port, matching
from contract.problems import Problem, ProblemsError, describe_given

InstanceName = Annotated[
    str,
    matching(
        r"^[a-z][a-z0-9-]{0,19}$",
        "an instance's name: 1 to 20 lower-case letters, digits and hyphens that starts with a letter",
    ),
]


def _require_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("an absolute path")
    return path


class InstancePorts(Model):
    """Ports on 127.0.0.1, all different."""

    gateway: Port
    """The gateway, through its load balancer."""
    database: Port
    """Postgres."""
    metrics: Port
    """Prometheus."""
    alerts: Port
    """Alertmanager."""
    simulation: Port
    """The simulated AWS."""

    @model_validator(mode="after")
    def _check(self) -> "InstancePorts":
        owners: dict[int, str] = {}
        problems = []
        for name, port in self.model_dump().items():
            owner = owners.setdefault(port, name)
            if owner != name:
                problems.append(Problem(name, describe_given(port), f"a port of its own, for it is {owner}'s too"))
        if problems:
            raise ProblemsError(problems)
        return self


class Instance(Model):
    """What makes an instance itself."""

    name: InstanceName
    """Prefix of its containers, network, volumes and folders."""
    purpose: Literal["user", "test"]
    """Whose it is. Clean-up after tests removes only what carries the label `purpose=test`."""
    ports: InstancePorts
    """Its ports."""
    manifests: Annotated[Path, Field(strict=False), AfterValidator(_require_absolute)]
    """Folder where its Kubernetes manifests are rendered."""

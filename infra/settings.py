"""The program's typed configuration: everything in `stacks/Pulumi.<environment>.yaml` under `faregate:`.

Pure: no Pulumi. A setting is required unless it has a default here; a wrong one is refused by name before anything is
registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from contract.base import Account, Items, Model, Name, matching
from contract.money import Usd
from contract.notation import parse_json
from contract.problems import Problem, ProblemsError, describe_given, refuse
from infra.subnets import check_network

PROJECT = "faregate"

# What CloudWatch Logs accepts, in days.
RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


class NetworkSettings(Model):
    """The address space and how many availability zones it spans."""

    cidr: str
    """IPv4 network, prefix length 16 to 20."""
    zones: int = Field(ge=2, le=3)
    """Availability zones; EKS and RDS need two."""

    @field_validator("cidr")
    @classmethod
    def _is_network(cls, cidr: str) -> str:
        check_network(cidr)
        return cidr


class ClusterSettings(Model):
    """The Kubernetes control plane."""

    version: Annotated[str, matching(r"^1\.[0-9]{2}$", 'a Kubernetes minor version, quoted, like "1.33"')]
    """Kubernetes minor version."""


class GpuPoolSettings(Model):
    """Nodes of one accelerator type."""

    name: Name
    accelerator: Name
    """The name that `catalog.yaml` uses under `serving`."""
    accelerators_per_node: int = Field(ge=1, le=16)
    instance_types: Annotated[
        Items[Annotated[str, matching(r"^[a-z0-9-]+\.[a-z0-9]+$", "an EC2 instance type, like g6.xlarge")]],
        Field(min_length=1),
    ]
    """EC2 instance types, best first."""
    capacity: Literal["on_demand", "spot"]
    min_nodes: int = Field(ge=0, le=1000)
    max_nodes: int = Field(ge=1, le=1000)
    disk_gib: int = Field(ge=20, le=16384)
    """Root volume, GiB: images and the model cache."""
    price_per_hour: Usd
    """USD for one node and hour, for the cost floor."""

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ProblemsError(
                [Problem("min_nodes", describe_given(self.min_nodes), f"at most max_nodes, which is {self.max_nodes}")]
            )
        return self


class DatabaseSettings(Model):
    """The billing database."""

    name: Annotated[
        str,
        matching(
            r"^[a-z][a-z0-9_]{0,62}$",
            "a database name: 1 to 63 lower-case letters, digits and underscores that starts with a letter",
        ),
    ]
    """Database name in Postgres; RDS accepts no hyphen."""
    engine_version: Annotated[str, matching(r"^18(\.[0-9]+)?$", 'a version of Postgres 18, quoted, like "18.1"')]
    """Postgres version; the ledger is written for 18."""
    instance_class: Annotated[str, matching(r"^db\.[a-z0-9]+\.[a-z0-9]+$", "an RDS instance class, like db.t4g.small")]
    storage_gib: int = Field(ge=20, le=65536)
    backup_days: int = Field(ge=1, le=35)
    """Days of point-in-time recovery."""
    multi_zone: bool
    """A standby in another zone."""


class LoadBalancerSettings(Model):
    """The public entrance."""

    idle_timeout_seconds: int = Field(ge=60, le=4000)
    """A connection without bytes for this long is closed: longer than the longest pause of a stream."""


class LogSettings(Model):
    """The log group of the environment."""

    retention_days: int
    """Days until a log line is deleted; one of the values that CloudWatch Logs accepts."""

    @field_validator("retention_days")
    @classmethod
    def _is_accepted(cls, days: int) -> int:
        if days not in RETENTION_DAYS:
            raise ValueError(f"one of {', '.join(map(str, RETENTION_DAYS))} days")
        return days


class QuotaSettings(Model):
    """The most that the serving namespace may ask for."""

    pods: int = Field(ge=1, le=10000)
    gpus: int = Field(ge=0, le=10000)


class Settings(Model):
    """One environment."""

    cloud: Literal["simulated"]
    """`simulated` needs an instance on this machine and never reaches AWS."""
    target: Literal["podman"]
    """What runs the containers."""
    account: Account
    """The only account that this stack may be applied to."""
    region: Annotated[str, matching(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "an AWS region, like eu-central-1")]
    network: NetworkSettings
    cluster: ClusterSettings
    gpu_pools: Annotated[Items[GpuPoolSettings], Field(min_length=1)]
    database: DatabaseSettings
    load_balancer: LoadBalancerSettings
    logs: LogSettings
    quota: QuotaSettings
    deletion_protection: bool = True
    """Whether AWS refuses to delete the database and the load balancer, and a full model store is kept."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [pool.name for pool in self.gpu_pools]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ProblemsError([Problem("gpu_pools", f"{', '.join(doubled)} twice", "pools of different names")])
        return self


def parse_settings(config: Mapping[str, str], source: str) -> Settings:
    """Return the settings in a stack's configuration, as the engine hands it over (`faregate:key` -> text or JSON).

    Raises:
        ContractError: names `source`, each wrong field, what was given and what is allowed.
    """
    prefix = f"{PROJECT}:"
    values = {
        key.removeprefix(prefix): _parse(value, f"{source}: {key}")
        for key, value in config.items()
        if key.startswith(prefix)
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise refuse(error, Settings, source, prefix=prefix) from None


def _parse(value: str, source: str) -> object:
    """Structured settings and booleans arrive as JSON; every other top-level setting is text."""
    if value[:1] in ("{", "[") or value in ("true", "false"):
        return parse_json(value, source)
    return value

"""The environment contract: what the Pulumi program exports of an environment, and all that others know of it."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import model_validator

from contract.base import Account, Host, Model, Name, Port, Text, Url, matching
from contract.instance import InstanceName
from contract.problems import NOTHING, Problem, ProblemsError, describe_given

_REAL_AWS = "amazonaws.com"

SecretName = Annotated[
    str,
    matching(r"^[A-Za-z0-9/_+=.@!-]{1,512}$", "the name of a secret: 1 to 512 letters, digits and /_+=.@!-"),
]
"""The name of a secret in AWS Secrets Manager; never its value."""


class Cluster(Model):
    """The Kubernetes cluster of an environment."""

    name: Text
    """Name of the cluster."""
    kubeconfig: Literal["eks", "file"]
    """Where credentials come from: the EKS API, or the kubeconfig file of the machine."""


class BillingDatabase(Model):
    """The Postgres database that holds the ledger."""

    host: Host
    """Host name or address."""
    port: Port
    """TCP port."""
    name: Text
    """Name of the database."""
    secret: SecretName
    """Secret of the role that creates the other roles and migrates the schema."""


class SecretNames(Model):
    """Names of the secrets that the program creates empty and a playbook fills."""

    billing_database_owner: SecretName
    """Password of the role that owns the schema and migrates it."""
    billing_database_gateway: SecretName
    """Password of the gateway's role: its functions, nothing else."""
    billing_database_admin: SecretName
    """Password of the admin command's role."""
    billing_database_reporter: SecretName
    """Password of the role that reads views, nothing else."""


class Outputs(Model):
    """What `pulumi stack output --json` says. Pulumi leaves out an output that is null, hence the defaults."""

    environment: Name
    """The environment, which is the Pulumi stack."""
    instance: InstanceName | None = None
    """The instance, where the environment runs on a machine with a simulated AWS; null on the real one."""
    target: Literal["podman", "kubernetes"]
    """What runs the containers."""
    region: Annotated[str, matching(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "an AWS region such as eu-central-1")]
    """The AWS region."""
    account: Account
    """The AWS account."""
    model_store: Annotated[
        str,
        matching(
            r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s/]+)*$", "a bucket and a prefix, such as s3://bucket/prefix"
        ),
    ]
    """Where artifacts lie."""
    image_registry: Annotated[
        str,
        matching(
            r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*$",
            "a registry and a path without a scheme, such as registry.example.com/faregate",
        ),
    ]
    """What the name of every image begins with."""
    cluster: Cluster | None = None
    """The Kubernetes cluster; null where there is none."""
    namespace: Annotated[
        str,
        matching(
            r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "a Kubernetes namespace: 1 to 63 lower-case letters, digits, -"
        ),
    ]
    """Kubernetes namespace of the services."""
    billing_database: BillingDatabase
    """The billing database."""
    gateway_url: Url
    """Where customers send requests."""
    metrics_url: Url
    """The Prometheus API."""
    alerts_url: Url
    """The Alertmanager API."""
    secrets: SecretNames
    """Names of the secrets, by role."""
    log_group: Annotated[
        str, matching(r"^[A-Za-z0-9/_.#-]{1,512}$", "the name of a log group: 1 to 512 letters, digits and /_.#-")
    ]
    """CloudWatch log group of the services."""

    @model_validator(mode="after")
    def _check(self) -> "Outputs":
        problems = [*self._find_missing_cluster(), *self._find_real_hosts()]
        if problems:
            raise ProblemsError(problems)
        return self

    def _find_missing_cluster(self) -> Iterator[Problem]:
        if self.target == "kubernetes" and self.cluster is None:
            yield Problem(
                "cluster", NOTHING, "a mapping with the keys name, kubeconfig (required: target is kubernetes)"
            )

    def _find_real_hosts(self) -> Iterator[Problem]:
        if self.instance is None:
            return
        for field, text in _walk_texts("", self.model_dump()):
            if _REAL_AWS in text.lower():
                allowed = f"no {_REAL_AWS} host, for an instance has a simulated AWS"
                yield Problem(field, describe_given(text), allowed)


def _walk_texts(field: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield every text of the outputs with its field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk_texts(f"{field}.{key}" if field else key, inner)
    elif isinstance(value, str):
        yield field, value

"""The environment's outputs: everything that playbooks, load tests and runbooks know of it."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from contract.documents import read_outputs
from contract.instance import Instance
from infra.components.model_store import ModelStore
from infra.components.secret_store import SecretStore
from infra.components.serving_namespace import ServingNamespace
from infra.settings import Settings

LOOPBACK = "127.0.0.1"


def export_outputs(
    *,
    environment: str,
    instance: Instance,
    settings: Settings,
    account: pulumi.Input[str],
    model_store: ModelStore,
    secrets: SecretStore,
    log_group: aws.cloudwatch.LogGroup,
    namespace: ServingNamespace,
) -> None:
    """Export the outputs of `contract.outputs`, checked against it once they are known.

    The data plane of a simulated environment are containers on this machine, so its addresses come from the instance
    and not from the simulated load balancer, database or cluster.
    """
    ports = instance.ports
    outputs: dict[str, Any] = {
        "environment": environment,
        "instance": instance.name,
        "target": settings.target,
        "region": settings.region,
        "account": account,
        "model_store": model_store.url,
        "image_registry": "localhost/faregate",
        "namespace": namespace.name,
        "billing_database": {
            "host": LOOPBACK,
            "port": ports.database,
            "name": settings.database.name,
            "secret": secrets.names["billing_database_owner"],
        },
        "gateway_url": f"http://{LOOPBACK}:{ports.gateway}",
        "metrics_url": f"http://{LOOPBACK}:{ports.metrics}",
        "alerts_url": f"http://{LOOPBACK}:{ports.alerts}",
        "secrets": secrets.names,
        "log_group": log_group.name,
    }
    checked = pulumi.Output.from_input(outputs).apply(lambda known: read_outputs(known).model_dump(mode="json"))
    for name in outputs:
        pulumi.export(name, checked[name])

"""One environment, top to bottom. Settings: stacks/Pulumi.<environment>.yaml. Outputs: contract/outputs.py."""

from __future__ import annotations

import datetime as dt

import pulumi
import pulumi_aws as aws

from contract.documents import read_catalog
from contract.outputs import SecretNames
from infra.components.billing_database import BillingDatabase
from infra.components.cluster import Cluster
from infra.components.gpu_pool import GpuPool
from infra.components.load_balancer import LoadBalancer
from infra.components.log_group import make_log_group
from infra.components.model_store import ModelStore
from infra.components.network import Network
from infra.components.secret_store import SecretStore
from infra.components.serving_namespace import ServingNamespace
from infra.exports import export_outputs
from infra.inputs import read_instance_here, read_stack_settings
from infra.prices import refuse_underpriced
from infra.providers import make_providers

environment = pulumi.get_stack()
settings = read_stack_settings(environment)
instance = read_instance_here()
refuse_underpriced(read_catalog(), settings, dt.datetime.now(dt.UTC))

providers = make_providers(settings, environment, instance)
account = aws.get_caller_identity_output(opts=providers.invoke_options).account_id
zones = aws.get_availability_zones(state="available", opts=providers.invoke_options).names[: settings.network.zones]

network = Network("network", cidr=settings.network.cidr, zones=zones, opts=providers.options)
cluster = Cluster(
    "cluster",
    version=settings.cluster.version,
    subnet_ids=[subnet.id for subnet in network.private_subnets],
    opts=providers.options,
)
for pool in settings.gpu_pools:
    GpuPool(
        pool,
        cluster=cluster,
        subnet_ids=[subnet.id for subnet in network.private_subnets],
        opts=providers.options,
    )
model_store = ModelStore("models", keep_when_full=settings.deletion_protection, opts=providers.options)
database = BillingDatabase(
    settings.database,
    subnet_ids=[subnet.id for subnet in network.database_subnets],
    security_group_id=network.database_group.id,
    deletion_protection=settings.deletion_protection,
    opts=providers.options,
)
load_balancer = LoadBalancer(
    "gateway",
    vpc_id=network.vpc.id,
    subnet_ids=[subnet.id for subnet in network.public_subnets],
    security_group_id=network.load_balancer_group.id,
    idle_timeout_seconds=settings.load_balancer.idle_timeout_seconds,
    deletion_protection=settings.deletion_protection,
    opts=providers.options,
)
secrets = SecretStore(
    "secrets",
    roles=SecretNames.model_fields,
    recovery_days=7 if settings.deletion_protection else 0,
    opts=providers.options,
)
log_group = make_log_group("logs", retention_days=settings.logs.retention_days, opts=providers.options)
namespace = ServingNamespace("serving", quota=settings.quota, opts=providers.options)

export_outputs(
    environment=environment,
    instance=instance,
    settings=settings,
    account=account,
    model_store=model_store,
    secrets=secrets,
    log_group=log_group,
    namespace=namespace,
)

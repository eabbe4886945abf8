"""What the program provisions for `local`, read off its registrations."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable

from contract.documents import read_outputs
from contract.instance import Instance

from .conftest import Program
from .mocked_program import ACCOUNT

BUCKET_TYPES = (
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
)
Run = Callable[..., Program]


def test_outputs_are_what_the_contract_says(program: Program, instance: Instance) -> None:
    outputs = read_outputs(program.outputs)

    assert outputs.environment == "local"
    assert outputs.instance == instance.name
    assert outputs.account == ACCOUNT
    assert outputs.model_store == "s3://faregate-local-models-0"
    assert outputs.billing_database.port == instance.ports.database
    assert outputs.gateway_url == f"http://127.0.0.1:{instance.ports.gateway}"
    assert outputs.secrets.billing_database_gateway == "faregate-local-billing-database-gateway-0"


def test_no_output_holds_an_aws_host(program: Program) -> None:
    assert "127.0.0.1" in json.dumps(program.outputs)
    assert "amazonaws.com" not in json.dumps(program.outputs)


def test_every_resource_names_its_provider_and_account(program: Program, config: dict[str, str]) -> None:
    provider = program.one("pulumi:providers:aws")

    assert json.loads(provider.inputs["allowedAccountIds"]) == [ACCOUNT]
    assert json.loads(provider.inputs["defaultTags"])["tags"]["environment"] == "local"
    assert provider.inputs["region"] == config["faregate:region"]


def test_manifests_are_rendered_into_the_instance_s_folder(program: Program, instance: Instance) -> None:
    provider = program.one("pulumi:providers:kubernetes")

    assert provider.inputs["renderYamlToDirectory"] == str(instance.manifests)


def test_every_resource_lies_below_a_component_but_the_providers_and_the_log_group(program: Program) -> None:
    roots = {resource.type for resource in program.resources if "pulumi:pulumi:Stack::" in resource.parent}

    outside = {token for token in roots if not token.startswith("faregate:infra:")}
    assert outside == {"pulumi:providers:aws", "pulumi:providers:kubernetes", "aws:cloudwatch/logGroup:LogGroup"}


def test_subnets_span_the_zones_and_do_not_overlap(program: Program, config: dict[str, str]) -> None:
    subnets = program.of_type("aws:ec2/subnet:Subnet")
    networks = [ipaddress.ip_network(subnet.inputs["cidrBlock"]) for subnet in subnets]
    zones = json.loads(config["faregate:network"])["zones"]

    assert len(subnets) == 3 * zones
    assert len({subnet.inputs["availabilityZone"] for subnet in subnets}) == zones
    assert not any(a.overlaps(b) for i, a in enumerate(networks) for b in networks[:i])


def test_only_the_load_balancer_is_reached_from_outside(program: Program) -> None:
    rules = program.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    open_rules = [rule for rule in rules if rule.inputs.get("cidrIpv4")]

    assert [rule.inputs["securityGroupId"] for rule in open_rules] == ["load-balancer-id"]
    assert {(rule.inputs.get("referencedSecurityGroupId"), rule.inputs["securityGroupId"]) for rule in rules} == {
        (None, "load-balancer-id"),
        ("load-balancer-id", "gateway-id"),
        ("gateway-id", "database-id"),
    }


def test_only_public_subnets_have_a_route_to_the_internet(program: Program) -> None:
    associations = program.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
    public = {
        f"{subnet.name}-id" for subnet in program.of_type("aws:ec2/subnet:Subnet") if subnet.name.startswith("public")
    }

    assert {association.inputs["subnetId"] for association in associations} == public
    assert program.one("aws:ec2/route:Route").inputs["gatewayId"] == "network-id"


def test_the_model_store_is_versioned_encrypted_and_private(program: Program) -> None:
    versioning, encryption, block = (program.one(token).inputs for token in BUCKET_TYPES)

    assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    [rule] = encryption["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"
    assert {block[name] for name in block if name != "bucket"} == {True}
    assert len(block) == 5


def test_the_database_is_encrypted_private_and_its_password_is_nobody_s(program: Program) -> None:
    database = program.one("aws:rds/instance:Instance").inputs

    assert database["engine"] == "postgres"
    assert database["storageEncrypted"] is True
    assert database["publiclyAccessible"] is False
    assert database["manageMasterUserPassword"] is True
    assert "password" not in database
    assert database["vpcSecurityGroupIds"] == ["database-id"]


def test_the_control_plane_is_not_open_to_the_internet(program: Program) -> None:
    network = program.one("aws:eks/cluster:Cluster").inputs["vpcConfig"]

    assert network["endpointPublicAccess"] is False
    assert network["endpointPrivateAccess"] is True
    assert sorted(network["subnetIds"]) == ["private-us-east-1a-id", "private-us-east-1b-id"]


def test_gpu_nodes_are_tainted_and_labelled_with_their_accelerator(program: Program, config: dict[str, str]) -> None:
    [pool] = json.loads(config["faregate:gpu_pools"])
    group = program.one("aws:eks/nodeGroup:NodeGroup", pool["name"]).inputs

    assert group["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    assert group["labels"]["faregate/accelerator"] == pool["accelerator"]
    assert group["instanceTypes"] == pool["instance_types"]
    assert group["scalingConfig"]["maxSize"] == pool["max_nodes"]
    assert group["capacityType"] == "ON_DEMAND"


def test_secrets_are_created_empty(program: Program) -> None:
    secrets = program.of_type("aws:secretsmanager/secret:Secret")

    assert {secret.name for secret in secrets} == {
        "billing-database-admin",
        "billing-database-gateway",
        "billing-database-owner",
        "billing-database-reporter",
    }
    assert not program.of_type("aws:secretsmanager/secretVersion:SecretVersion")


def test_the_load_balancer_asks_gateways_whether_they_are_ready(program: Program, config: dict[str, str]) -> None:
    targets = program.one("aws:lb/targetGroup:TargetGroup").inputs
    idle_timeout = json.loads(config["faregate:load_balancer"])["idle_timeout_seconds"]

    assert targets["healthCheck"]["path"] == "/readyz"
    assert targets["deregistrationDelay"] == idle_timeout
    assert program.one("aws:lb/loadBalancer:LoadBalancer").inputs["idleTimeout"] == idle_timeout


def test_the_serving_namespace_is_restricted_and_has_a_quota(program: Program) -> None:
    namespace = program.one("kubernetes:core/v1:Namespace").inputs
    quota = program.one("kubernetes:core/v1:ResourceQuota").inputs

    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert quota["metadata"]["namespace"] == "serving"
    assert quota["spec"]["hard"] == {"pods": "50", "requests.nvidia.com/gpu": "2"}


def test_deletion_protection_guards_the_database_the_balancer_and_the_model_store(
    run_program: Run, config: dict[str, str]
) -> None:
    program = run_program({**config, "faregate:deletion_protection": "true"})

    database = program.one("aws:rds/instance:Instance").inputs
    assert database["deletionProtection"] is True
    assert database["skipFinalSnapshot"] is False
    assert database["finalSnapshotIdentifier"] == "faregate-local-billing-final"
    assert program.one("aws:lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is True
    assert program.one("aws:s3/bucket:Bucket").inputs["forceDestroy"] is False
    assert program.of_type("aws:secretsmanager/secret:Secret")[0].inputs["recoveryWindowInDays"] == 7


def test_a_wrong_setting_ends_the_program_before_anything_is_registered(
    run_program: Run, config: dict[str, str]
) -> None:
    program = run_program({**config, "faregate:regoin": "us-east-1"})

    assert program.resources == []
    assert "stacks/Pulumi.local.yaml: faregate:regoin: given an unknown key" in program.error
    assert "did you mean region?" in program.error
    assert "Traceback" not in program.error


def test_a_missing_instance_ends_the_program_with_the_command_to_run(run_program: Run, config: dict[str, str]) -> None:
    program = run_program(config, active=False)

    assert program.error == ("this stack runs on an instance and none is active: run `source offline/activate` first\n")


def test_a_pool_too_dear_for_the_prices_is_refused(run_program: Run, config: dict[str, str]) -> None:
    [pool] = json.loads(config["faregate:gpu_pools"])
    program = run_program({**config, "faregate:gpu_pools": json.dumps([{**pool, "price_per_hour": "98.32"}])})

    assert program.resources == []
    assert "stacks/catalog.yaml: models.smollm2-135m" in program.error
    assert "output_tokens" in program.error


def test_a_model_that_no_pool_can_serve_is_refused(run_program: Run, config: dict[str, str]) -> None:
    [pool] = json.loads(config["faregate:gpu_pools"])
    program = run_program({**config, "faregate:gpu_pools": json.dumps([{**pool, "accelerator": "nvidia-h100"}])})

    assert program.resources == []
    assert "stacks/catalog.yaml: models.smollm2-135m" in program.error
    assert "nvidia-h100" in program.error

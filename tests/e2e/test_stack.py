"""The Pulumi engine against the simulated AWS: up, changes, drift, loss, and an interrupted up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .conftest import Environment, list_processes, run, wait_until
from .inventory import list_everything

UP = "pulumi up -s local --yes --skip-preview --non-interactive"


def test_up_ends_with_outputs_that_the_contract_accepts(environment: Environment) -> None:
    outputs = environment.outputs()

    assert outputs.instance == environment.name
    assert outputs.gateway_url.endswith(f":{environment.instance.ports.gateway}")
    buckets = [bucket["Name"] for bucket in environment.client("s3").list_buckets()["Buckets"]]
    assert outputs.model_store == f"s3://{buckets[0]}"
    assert {secret["Name"] for secret in environment.client("secretsmanager").list_secrets()["SecretList"]} >= set(
        outputs.secrets.model_dump().values()
    )


def test_no_output_holds_an_aws_host(environment: Environment) -> None:
    printed = environment.shell("pulumi stack output --json -s local").stdout

    assert environment.name in printed
    assert "amazonaws.com" not in printed


def test_an_unchanged_up_changes_nothing(environment: Environment) -> None:
    before = list_everything(environment.client)

    printed = environment.shell(f"{UP} --expect-no-changes").stdout

    assert "unchanged" in printed
    assert list_everything(environment.client) == before


def test_a_second_make_up_changes_nothing_and_says_so(environment: Environment) -> None:
    resources = environment.resources()
    containers = {part: container.id for part, container in environment.containers().items()}
    checkout = run(["git", "status", "--porcelain"]).stdout

    printed = environment.make("up").stdout
    environment.shell("pulumi preview -s local")

    assert "created" not in printed
    assert len(re.findall(r"\[\d/8\] (?:Stack|Containers) .* unchanged ", printed)) == 2
    assert environment.resources() == resources
    assert {part: container.id for part, container in environment.containers().items()} == containers
    assert run(["git", "status", "--porcelain"]).stdout == checkout
    assert run(["git", "diff", "--stat", "stacks"]).stdout == ""


def test_a_changed_setting_updates_in_place_and_another_instance_type_replaces_the_node_group(
    environment: Environment, tmp_path: Path
) -> None:
    logs, eks = environment.client("logs"), environment.client("eks")
    [group] = logs.describe_log_groups()["logGroups"]
    [cluster] = eks.list_clusters()["clusters"]
    [old] = eks.list_nodegroups(clusterName=cluster)["nodegroups"]

    def change(config: dict[str, Any]) -> None:
        config["faregate:logs"]["retention_days"] = 14
        config["faregate:gpu_pools"][0]["instance_types"] = ["g6.2xlarge"]

    option = environment.write_config(tmp_path / "Pulumi.local.yaml", change)
    changed = environment.shell(f"{UP} {option}").stdout
    [updated] = logs.describe_log_groups()["logGroups"]
    [new] = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    described = eks.describe_nodegroup(clusterName=cluster, nodegroupName=new)["nodegroup"]
    environment.shell(UP)

    assert "~ 1 updated" in changed
    assert updated["retentionInDays"] == 14
    assert updated["logGroupName"] == group["logGroupName"]
    assert logs.describe_log_groups()["logGroups"] == [group]
    assert "+-1 replaced" in changed
    assert new != old
    assert described["instanceTypes"] == ["g6.2xlarge"]


def test_drift_is_found_named_and_healed(environment: Environment) -> None:
    bucket = environment.outputs().model_store.removeprefix("s3://")
    s3, ec2 = environment.client("s3"), environment.client("ec2")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "project", "Value": "mallory"}]})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    [rule] = [
        resource_id
        for urn, (resource_id, _) in environment.resources().items()
        if urn.endswith("::internet-to-load-balancer")
    ]
    [group] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], SecurityGroupRuleIds=[rule])

    found = environment.shell("pulumi refresh -s local --preview-only --diff --non-interactive").stdout
    healed = environment.make("up").stdout

    assert "mallory" in found
    assert "Suspended" in found
    assert "internet-to-load-balancer" in found
    assert "1 created" in healed
    assert "2 updated" in healed
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {"project": "faregate", "environment": "local", "managed-by": "pulumi"}
    environment.shell("pulumi preview -s local --expect-no-changes")


def test_a_lost_simulation_is_noticed_and_healed_with_the_secrets_that_it_had(environment: Environment) -> None:
    before = len(environment.resources())
    values, key = _read_secrets(environment), environment.home.read_demo_key()
    balance = environment.read_account()["balance"]
    environment.kill("simulation")

    status = environment.make("status", check=False)
    healed = environment.make("up").stdout

    assert status.returncode != 0
    assert "does not answer" in status.stdout
    assert "started" in healed
    assert environment.is_running()
    assert len(environment.resources()) == before
    assert environment.client("s3").list_buckets()["Buckets"]
    assert _read_secrets(environment) == values
    assert environment.home.read_demo_key() == key, "it has paid for the completion"
    assert 0 < balance - environment.read_account()["balance"] < 100_000, "nano-dollars, for one short answer"
    healthy = environment.make("status").stdout
    assert "simulated AWS" in healthy, "it names the parts"
    assert "not ok" not in healthy


def test_a_state_that_a_killed_command_cut_off_is_healed(environment: Environment) -> None:
    before = environment.resources().keys()
    [state] = environment.home.state.glob(".pulumi/stacks/*/local.json")
    state.write_bytes(state.read_bytes()[:1000])

    status = environment.make("status", check=False)
    environment.make("up")

    assert status.returncode != 0
    assert environment.resources().keys() == before
    assert _count_own_vpcs(environment) == 1
    assert len(environment.client("s3").list_buckets()["Buckets"]) == 1
    environment.make("status")


def test_an_up_killed_halfway_and_one_interrupted_are_healed_make_nothing_twice_and_destroy_leaves_nothing(
    new_environment: Environment,
) -> None:
    killed = _interrupt_up(new_environment, signal.SIGKILL)
    killed.wait(10)
    refused = new_environment.shell(UP, check=False)
    assert refused.returncode != 0

    interrupted = _interrupt_up(new_environment, signal.SIGINT)
    interrupted.wait(60)
    wait_until(lambda: not any("offline.aws" in line for line in list_processes(new_environment.name)))
    assert interrupted.returncode != 0, "no plugin is left behind"

    new_environment.make("up")
    assert _count_own_vpcs(new_environment) == 1
    assert len(new_environment.client("s3").list_buckets()["Buckets"]) == 1
    assert len(new_environment.client("iam").list_roles()["Roles"]) == 2
    new_environment.make("status")

    bucket = new_environment.outputs().model_store.removeprefix("s3://")
    new_environment.client("s3").put_object(Bucket=bucket, Key="artifact", Body=b"weights")
    full = list_everything(new_environment.client)
    new_environment.shell("pulumi destroy -s local --yes --skip-preview --non-interactive")
    left = list_everything(new_environment.client)

    assert all(full.values()), "every kind of resource is there before"
    assert {kind: names for kind, names in left.items() if names} == {}
    assert [path for path in new_environment.home.manifests.rglob("*") if path.is_file()] == []
    assert new_environment.resources() == {}


def _interrupt_up(environment: Environment, how: signal.Signals) -> subprocess.Popen[bytes]:
    """Start `make up` and send a signal to all of its processes once it has begun to create resources."""
    before = _list_resources(environment)
    process = environment.begin("up")
    wait_until(lambda: bool(_list_resources(environment) - before))
    os.killpg(process.pid, how)
    return process


def _list_resources(environment: Environment) -> set[str]:
    """Return the names of all resources; none while the simulation does not answer."""
    try:
        listed = list_everything(environment.client) if environment.is_running() else {}
    except (BotoCoreError, ClientError):
        return set()
    return {name for names in listed.values() for name in names}


def _count_own_vpcs(environment: Environment) -> int:
    """Count VPCs but the one that every account has from the beginning."""
    if not environment.is_running():
        return 0
    try:
        vpcs = environment.client("ec2").describe_vpcs()["Vpcs"]
    except ClientError as error:
        pytest.fail(str(error))
    return sum(not vpc["IsDefault"] for vpc in vpcs)


def _read_secrets(environment: Environment) -> dict[str, str]:
    secretsmanager = environment.client("secretsmanager")
    names = environment.outputs().secrets.model_dump()
    return {role: secretsmanager.get_secret_value(SecretId=name)["SecretString"] for role, name in names.items()}

"""What a refresh makes of changes that somebody made by hand. Drift of each type: `samples.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from offline.aws.resources import RESOURCE_TYPES

from .client import ProviderClient
from .samples import SAMPLES, Builder
from .scene import Scene, trust

BUCKET = "aws:s3/bucket:Bucket"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ROLE = "aws:iam/role:Role"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
VPC = "aws:ec2/vpc:Vpc"

Change = Callable[[Any, str], None]


def _add(ec2: Any, id_: str) -> None:
    ec2.create_tags(Resources=[id_], Tags=[{"Key": "added", "Value": "1"}])


def _change(ec2: Any, id_: str) -> None:
    ec2.create_tags(Resources=[id_], Tags=[{"Key": "owner", "Value": "them"}])


def _remove(ec2: Any, id_: str) -> None:
    ec2.delete_tags(Resources=[id_], Tags=[{"Key": "owner"}])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_add, {"owner": "me", "added": "1"}),
        (_change, {"owner": "them"}),
        (_remove, {}),
    ],
)
def test_a_tag_that_was_added_changed_or_removed_is_seen_and_put_right(
    aws: ProviderClient, scene: Scene, change: Change, expected: dict[str, str]
) -> None:
    inputs = {"cidrBlock": "10.0.0.0/16", "tags": {"owner": "me"}}
    vpc = aws.create(VPC, inputs)

    change(scene.client("ec2"), vpc.id)
    live = aws.read(VPC, vpc.id, inputs, vpc.properties)
    assert live.inputs == {**inputs, "tags": expected}
    assert aws.diff(VPC, live.inputs, inputs).inputs == {"tags"}

    aws.update(VPC, vpc.id, live.properties, inputs)
    assert aws.read(VPC, vpc.id, inputs).inputs == inputs


def test_a_tag_of_somebody_else_stays_on_a_resource_whose_program_sets_none(aws: ProviderClient, scene: Scene) -> None:
    inputs = {"cidrBlock": "10.0.0.0/16"}
    vpc = aws.create(VPC, inputs)

    _add(scene.client("ec2"), vpc.id)
    live = aws.read(VPC, vpc.id, inputs, vpc.properties)

    assert live.inputs == inputs
    assert live.properties["tags"] == {"added": "1"}


def test_a_security_group_rule_that_was_removed_is_gone_and_its_sibling_is_not(
    aws: ProviderClient, scene: Scene
) -> None:
    inputs = {"securityGroupId": scene.security_group, "ipProtocol": "tcp", "fromPort": 80, "toPort": 80}
    removed = aws.create(INGRESS, {**inputs, "cidrIpv4": "10.0.0.0/8"})
    kept = aws.create(INGRESS, {**inputs, "cidrIpv4": "10.0.0.0/16"})

    scene.client("ec2").revoke_security_group_ingress(GroupId=scene.security_group, SecurityGroupRuleIds=[removed.id])

    assert aws.read(INGRESS, removed.id, inputs).id == ""
    assert aws.read(INGRESS, kept.id, inputs).id == kept.id


def test_a_security_group_starts_without_the_rule_that_aws_adds(aws: ProviderClient, scene: Scene) -> None:
    group = aws.create("aws:ec2/securityGroup:SecurityGroup", {"name": scene.name(), "vpcId": scene.vpc})

    filters = [{"Name": "group-id", "Values": [group.id]}]
    assert scene.client("ec2").describe_security_group_rules(Filters=filters)["SecurityGroupRules"] == []


def test_suspended_versioning_is_seen_and_enabled_again(aws: ProviderClient, scene: Scene) -> None:
    inputs = {"bucket": scene.bucket, "versioningConfiguration": {"status": "Enabled"}}
    versioning = aws.create(VERSIONING, inputs)

    scene.client("s3").put_bucket_versioning(Bucket=scene.bucket, VersioningConfiguration={"Status": "Suspended"})
    live = aws.read(VERSIONING, versioning.id, inputs, versioning.properties)
    aws.update(VERSIONING, versioning.id, live.properties, inputs)

    assert live.inputs["versioningConfiguration"] == {"status": "Suspended"}
    assert scene.client("s3").get_bucket_versioning(Bucket=scene.bucket)["Status"] == "Enabled"


def test_versioning_that_the_program_gives_up_is_suspended(aws: ProviderClient, scene: Scene) -> None:
    versioning = aws.create(VERSIONING, {"bucket": scene.bucket, "versioningConfiguration": {"status": "Enabled"}})

    aws.delete(VERSIONING, versioning.id, versioning.properties)

    assert scene.client("s3").get_bucket_versioning(Bucket=scene.bucket)["Status"] == "Suspended"


def test_a_retention_that_was_changed_or_taken_off_is_seen(aws: ProviderClient, scene: Scene) -> None:
    inputs = {"name": scene.name(), "retentionInDays": 7}
    group = aws.create(LOG_GROUP, inputs)

    scene.client("logs").put_retention_policy(logGroupName=group.id, retentionInDays=30)
    changed = aws.read(LOG_GROUP, group.id, inputs)
    scene.client("logs").delete_retention_policy(logGroupName=group.id)
    unlimited = aws.read(LOG_GROUP, group.id, inputs)

    assert changed.inputs["retentionInDays"] == 30
    assert unlimited.inputs["retentionInDays"] == 0


def test_a_retention_that_the_program_takes_away_is_unlimited(aws: ProviderClient, scene: Scene) -> None:
    inputs = {"name": scene.name(), "retentionInDays": 7}
    group = aws.create(LOG_GROUP, inputs)

    aws.update(LOG_GROUP, group.id, group.properties, {"name": inputs["name"]})

    assert aws.read(LOG_GROUP, group.id, inputs).inputs["retentionInDays"] == 0


def test_a_log_group_is_not_taken_for_another_whose_name_begins_the_same(aws: ProviderClient, scene: Scene) -> None:
    inputs = {"name": scene.name()}
    group = aws.create(LOG_GROUP, inputs)
    aws.create(LOG_GROUP, {"name": f"{inputs['name']}-longer"})

    aws.delete(LOG_GROUP, group.id, group.properties)

    assert aws.read(LOG_GROUP, group.id, inputs).id == ""


def test_what_is_missing_on_a_thing_made_again_by_hand_is_seen_and_put_right(aws: ProviderClient, scene: Scene) -> None:
    iam = scene.client("iam")
    inputs = {"name": scene.name(), "assumeRolePolicy": trust("ec2.amazonaws.com"), "description": "nodes"}
    role = aws.create(ROLE, inputs)

    iam.delete_role(RoleName=role.id)
    iam.create_role(RoleName=role.id, AssumeRolePolicyDocument=inputs["assumeRolePolicy"])
    live = aws.read(ROLE, role.id, inputs, role.properties)
    assert live.inputs == {name: value for name, value in inputs.items() if name != "description"}

    aws.update(ROLE, role.id, live.properties, inputs)
    assert iam.get_role(RoleName=role.id)["Role"]["Description"] == "nodes"


def test_a_policy_document_that_says_the_same_in_other_words_is_no_change(aws: ProviderClient, scene: Scene) -> None:
    policy = trust("ec2.amazonaws.com").replace('", "', '",\n    "')
    inputs = {"name": scene.name(), "assumeRolePolicy": policy}
    role = aws.create(ROLE, inputs)

    assert aws.read(ROLE, role.id, inputs).inputs == inputs


@pytest.mark.parametrize(
    ("token", "build"),
    [pytest.param(token, build, id=f"{token.split(':')[-1]}-{build.__name__}") for token, build in SAMPLES],
)
def test_an_input_that_the_program_does_not_set_never_appears(
    aws: ProviderClient, scene: Scene, token: str, build: Builder
) -> None:
    sample = build(scene)
    optional = sorted(RESOURCE_TYPES[token].updates & sample.inputs.keys())
    created = aws.create(token, sample.inputs)

    for name in optional:
        others = {other: value for other, value in sample.inputs.items() if other != name}
        assert aws.read(token, created.id, others, created.properties).inputs == others
    sample.drift(created.id)
    only_one = dict(list(sample.inputs.items())[:1])
    assert aws.read(token, created.id, only_one, created.properties).inputs.keys() <= only_one.keys()

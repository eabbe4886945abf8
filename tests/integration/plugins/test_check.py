"""What the AWS provider refuses before anything is created, and the names that it chooses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offline.aws.resources import RESOURCE_TYPES
from offline.aws.schema import Schema, load_schema
from offline.plugins.wire import UNKNOWN

from .client import Properties, ProviderClient
from .scene import REGION, Scene

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
LISTENER = "aws:lb/listener:Listener"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
BUCKET = "aws:s3/bucket:Bucket"
ROUTE = "aws:ec2/route:Route"
NAMED_TYPES = sorted(token for token, modelled in RESOURCE_TYPES.items() if modelled.name_property)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(RESOURCE_TYPES)


# ---- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "inputs", "path", "reason"),
    [
        (VPC, {"cidrBlok": "10.0.0.0/16"}, "cidrBlok", "unknown property; did you mean cidrBlock?"),
        (VPC, {"xyz": 1}, "xyz", "unknown property"),
        (
            CLUSTER,
            {"roleArn": "r", "vpcConfig": {"subnetIds": ["a"], "endpointPublicAcces": True}},
            "vpcConfig.endpointPublicAcces",
            "unknown property; did you mean endpointPublicAccess?",
        ),
        (
            LISTENER,
            {
                "loadBalancerArn": "a",
                "defaultActions": [{"type": "forward"}, {"type": "forward", "targetGroupArm": "t"}],
            },
            "defaultActions[1].targetGroupArm",
            "unknown property; did you mean targetGroupArn?",
        ),
    ],
)
def test_a_misspelt_input_is_refused_with_the_nearest_name(
    aws: ProviderClient, token: str, inputs: Properties, path: str, reason: str
) -> None:
    assert aws.check(token, inputs).failures == {path: reason}


@pytest.mark.parametrize(
    ("token", "inputs", "paths"),
    [
        (SUBNET, {"cidrBlock": "10.0.0.0/24"}, {"vpcId"}),
        (ROUTE, {}, {"routeTableId"}),
        (CLUSTER, {"roleArn": "r", "vpcConfig": {}}, {"vpcConfig.subnetIds"}),
        (LISTENER, {"loadBalancerArn": "a", "defaultActions": [{"targetGroupArn": "t"}]}, {"defaultActions[0].type"}),
    ],
)
def test_a_missing_required_input_is_refused_by_name(
    aws: ProviderClient, token: str, inputs: Properties, paths: set[str]
) -> None:
    assert aws.check(token, inputs).failures == dict.fromkeys(paths, "missing required property")


@pytest.mark.parametrize(
    ("token", "inputs", "path", "reason"),
    [
        (VPC, {"cidrBlock": 10}, "cidrBlock", "expected string, got 10 (int)"),
        (VPC, {"enableDnsSupport": "yes"}, "enableDnsSupport", "expected boolean, got 'yes' (str)"),
        (VPC, {"tags": ["a"]}, "tags", "expected a map, got ['a'] (list)"),
        (VPC, {"tags": {"a": {}}}, "tags.a", "expected string, got {} (dict)"),
        (LOAD_BALANCER, {"idleTimeout": 1.5}, "idleTimeout", "expected integer, got 1.5 (float)"),
        (LOAD_BALANCER, {"idleTimeout": True}, "idleTimeout", "expected integer, got True (bool)"),
        (LOAD_BALANCER, {"subnets": "a"}, "subnets", "expected a list, got 'a' (str)"),
        (LOAD_BALANCER, {"subnets": ["a", 2]}, "subnets[1]", "expected string, got 2 (int)"),
        (TARGET_GROUP, {"healthCheck": "/"}, "healthCheck", "expected an object, got '/' (str)"),
        (TARGET_GROUP, {"healthCheck": {"interval": "5"}}, "healthCheck.interval", "expected integer, got '5' (str)"),
    ],
)
def test_an_input_of_the_wrong_type_is_refused_with_what_was_expected(
    aws: ProviderClient, token: str, inputs: Properties, path: str, reason: str
) -> None:
    assert aws.check(token, inputs).failures == {path: reason}


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        (VPC, {"instanceTenancy": "dedicated"}, "instanceTenancy"),
        (VPC, {"region": "eu-central-1"}, "region"),
        (TARGET_GROUP, {"healthCheck": {"enabled": False}}, "healthCheck.enabled"),
        (
            LISTENER,
            {"loadBalancerArn": "a", "defaultActions": [{"type": "forward", "order": 1}]},
            "defaultActions[0].order",
        ),
        (
            CLUSTER,
            {"roleArn": "r", "vpcConfig": {"subnetIds": ["a"], "publicAccessCidrs": ["10.0.0.0/8"]}},
            "vpcConfig.publicAccessCidrs",
        ),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"bucket": "b", "versioningConfiguration": {"status": "Enabled", "mfaDelete": "Enabled"}},
            "versioningConfiguration.mfaDelete",
        ),
    ],
)
def test_an_input_that_aws_has_and_the_provider_would_drop_is_refused(
    aws: ProviderClient, token: str, inputs: Properties, path: str
) -> None:
    failures = aws.check(token, inputs).failures

    assert failures.keys() == {path}
    assert failures[path].startswith("is not modelled by the offline provider; modelled: ")


def test_whatever_is_an_object_has_a_list_of_what_is_modelled_of_it(schema: Schema) -> None:
    """Without that list parts of it could be dropped in silence."""
    for token, modelled in RESOURCE_TYPES.items():
        objects: dict[str, set[str]] = {}
        pending: list[tuple[str, Any]] = [(name, schema.shape_of(token, name)) for name in modelled.inputs]
        while pending:
            kind, shape = pending.pop()
            shape = shape.get("array", shape)
            if "object" in shape:
                known = schema.properties_of(shape)
                listed = modelled.nested.get(kind, frozenset())
                objects[kind] = set(listed & known.keys())
                pending += [(f"{kind}.{name}", known[name]) for name in objects[kind]]
        assert {kind: set(names) for kind, names in modelled.nested.items()} == objects, token
        assert all(objects.values()), token


def test_a_type_that_is_not_modelled_is_refused_by_name(aws: ProviderClient) -> None:
    failures = aws.check("aws:sqs/queue:Queue", {"name": "jobs"}).failures

    assert failures == {"": "aws:sqs/queue:Queue is not modelled by the offline provider"}


def test_values_that_are_not_known_yet_pass_whatever_their_type(aws: ProviderClient) -> None:
    inputs = {"name": UNKNOWN, "idleTimeout": UNKNOWN, "subnets": [UNKNOWN], "internal": UNKNOWN, "tags": UNKNOWN}

    checked = aws.check(LOAD_BALANCER, inputs)

    assert (checked.inputs, checked.failures) == (inputs, {})


def test_a_function_that_is_not_modelled_is_refused_by_name(aws: ProviderClient) -> None:
    with pytest.raises(Exception, match="aws:ec2/getAmi:getAmi is not modelled by the offline provider"):
        aws.invoke("aws:ec2/getAmi:getAmi")


def test_an_argument_that_a_function_would_ignore_is_refused_by_name(aws: ProviderClient) -> None:
    function = "aws:index/getAvailabilityZones:getAvailabilityZones"

    zones = aws.invoke(function, {"state": "available"})

    assert zones["names"][:2] == [f"{REGION}a", f"{REGION}b"]
    assert len(zones["zoneIds"]) == len(zones["names"])
    assert aws.invoke(function, {"state": "impaired"})["names"] == []
    with pytest.raises(Exception, match="excludeNames is not modelled by the offline provider"):
        aws.invoke(function, {"excludeNames": [f"{REGION}a"]})


def test_the_caller_is_the_account_of_the_simulation(aws: ProviderClient) -> None:
    caller = aws.invoke("aws:index/getCallerIdentity:getCallerIdentity")

    assert (caller["accountId"], caller["id"]) == ("123456789012", "123456789012")


# ---- default tags -----------------------------------------------------------------------------------------------


def test_default_tags_go_under_the_program_s_own_and_a_change_of_them_is_an_update(
    own_aws: ProviderClient, scene: Scene
) -> None:
    def configure(**tags: str) -> None:
        # The engine sends structured configuration as JSON text.
        own_aws.configure(region=REGION, defaultTags=json.dumps({"tags": tags}))

    program = {"cidrBlock": "10.0.0.0/16", "tags": {"owner": "me"}}
    configure(owner="default", stack="a", old="1")
    old = own_aws.check(VPC, program).inputs
    assert old["tags"] == {"owner": "me", "stack": "a", "old": "1"}
    created = own_aws.create(VPC, old)

    configure(owner="default", stack="b")
    new = own_aws.check(VPC, program, old=old).inputs
    difference = own_aws.diff(VPC, old, new)
    own_aws.update(VPC, created.id, created.properties, new)

    assert (difference.inputs, difference.replaces) == ({"tags"}, set())
    live = scene.client("ec2").describe_vpcs(VpcIds=[created.id])["Vpcs"][0]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in live} == {"owner": "me", "stack": "b"}


def test_default_tags_reach_resources_without_tags_and_leave_types_alone_that_have_none(
    own_aws: ProviderClient,
) -> None:
    own_aws.configure(region=REGION, defaultTags=json.dumps({"tags": {"stack": "a"}}))
    route = {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "routeTableId": "rtb-1"}

    assert own_aws.check(VPC, {"cidrBlock": "10.0.0.0/16"}).inputs["tags"] == {"stack": "a"}
    assert own_aws.check(ROUTE, route).inputs == route


# ---- names ------------------------------------------------------------------------------------------------------


def check_name(aws: ProviderClient, inputs: Properties | None = None, **options: Any) -> tuple[Any, dict[str, str]]:
    checked = aws.check(LOAD_BALANCER, inputs or {}, **options)
    return checked.inputs.get("name"), checked.failures


def test_a_proposed_name_is_taken(aws: ProviderClient) -> None:
    assert check_name(aws, proposed="stack-lb") == ("stack-lb", {})


def test_a_proposed_name_that_is_too_long_gives_way_to_one_that_fits(aws: ProviderClient) -> None:
    name, failures = check_name(aws, name="logical", proposed="n" * 33)

    assert name.startswith("logical-")
    assert failures == {}


def test_an_enforced_name_is_taken_or_refused_but_never_changed(aws: ProviderClient) -> None:
    long = "n" * 33

    assert check_name(aws, proposed="stack-lb", mode="ENFORCE") == ("stack-lb", {})
    assert check_name(aws, proposed=long, mode="ENFORCE") == (long, {"name": f"'{long}' is longer than 32 characters"})


def test_without_autonaming_the_program_has_to_name_the_resource(aws: ProviderClient) -> None:
    name, failures = check_name(aws, proposed="", mode="DISABLE")

    assert name is None
    assert failures == {"name": "missing required property: this stack's autonaming is disabled"}
    assert check_name(aws, {"name": "mine"}, proposed="", mode="DISABLE") == ("mine", {})


def test_a_name_of_the_program_s_own_wins_and_must_fit(aws: ProviderClient) -> None:
    assert check_name(aws, {"name": "mine"}, proposed="theirs") == ("mine", {})
    assert check_name(aws, {"name": "n" * 32})[1] == {}
    assert check_name(aws, {"name": "n" * 33})[1].keys() == {"name"}


@pytest.mark.parametrize("token", NAMED_TYPES)
def test_a_chosen_name_fits_and_differs_between_resources_with_long_names(aws: ProviderClient, token: str) -> None:
    modelled = RESOURCE_TYPES[token]
    assert modelled.name_property is not None
    stem = "Model-Store-" * 50

    names = [aws.check(token, {}, name=f"{stem}{i}").inputs[modelled.name_property] for i in range(2)]

    assert [len(name) <= modelled.name_limit for name in names] == [True, True]
    assert names[0] != names[1]
    assert names[0].lower().startswith("model-store-")
    assert names[0].islower() == modelled.name_is_lower_case


def test_types_that_aws_wants_in_lower_case_get_such_names() -> None:
    lower = {token for token, modelled in RESOURCE_TYPES.items() if modelled.name_is_lower_case}

    assert lower == {BUCKET, "aws:rds/instance:Instance", "aws:rds/subnetGroup:SubnetGroup"}


def test_a_name_is_kept_over_updates_whatever_is_proposed_later(aws: ProviderClient) -> None:
    old = aws.check(LOAD_BALANCER, {}, name="logical").inputs

    assert check_name(aws, {"internal": True}, name="logical", old=old) == (old["name"], {})
    assert check_name(aws, {}, name="logical", old=old, proposed="another") == (old["name"], {})
    assert check_name(aws, {}, name="logical", old=old, proposed="another", mode="ENFORCE")[0] == old["name"]


def test_two_resources_get_two_names(aws: ProviderClient) -> None:
    assert check_name(aws, name="one")[0] != check_name(aws, name="two")[0]

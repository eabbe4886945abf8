"""Calls that fail: what the user is told, what is left behind, and what does not count as "it is gone"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from offline.aws.resources import RESOURCE_TYPES

from .client import Failed, Properties, ProviderClient, connect
from .conftest import AWS_PLUGIN
from .processes import plugin_environment, run_plugin
from .scene import REGION, Scene
from .stub import StubAws, run_stub

BUCKET = "aws:s3/bucket:Bucket"
DATABASE = "aws:rds/instance:Instance"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SUBNET = "aws:ec2/subnet:Subnet"
VPC = "aws:ec2/vpc:Vpc"

PAGE = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"


@pytest.fixture(scope="module")
def stub() -> Iterator[StubAws]:
    with run_stub() as stub:
        yield stub


@pytest.fixture(scope="module")
def broken_aws(stub: StubAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderClient]:
    """Return a provider whose AWS fails at everything."""
    folder = tmp_path_factory.mktemp("broken")
    with (
        run_plugin(AWS_PLUGIN, folder, plugin_environment(AWS_ENDPOINT_URL=stub.endpoint)) as plugin,
        connect(plugin.address) as provider,
    ):
        provider.configure(region=REGION)
        yield provider


@pytest.fixture
def without_operations(stub: StubAws) -> StubAws:
    """Answer as the simulation does where it lacks an operation: with a web page."""
    stub.status, stub.content_type, stub.body = 404, "text/html; charset=utf-8", PAGE
    stub.asked.clear()
    return stub


def test_a_failing_call_surfaces_the_operation_and_aws_s_words(aws: ProviderClient, scene: Scene) -> None:
    with pytest.raises(Failed, match=r"InvalidSubnet.Range.*CreateSubnet operation: The CIDR '10.9.0.0/24' is invalid"):
        aws.create(SUBNET, {"vpcId": scene.vpc, "cidrBlock": "10.9.0.0/24"})


def test_an_argument_that_no_call_accepts_surfaces_in_words(aws: ProviderClient) -> None:
    with pytest.raises(Failed, match="Parameter validation failed"):
        aws.create(BUCKET, {"bucket": "no spaces allowed"})


@pytest.mark.parametrize(
    ("token", "content_type", "body"),
    [
        (BUCKET, "application/xml", "<Error><Code>InternalError</Code><Message>try later</Message></Error>"),
        (LOG_GROUP, "application/x-amz-json-1.1", '{"__type": "InternalError", "message": "try later"}'),
    ],
)
def test_an_internal_error_is_not_read_as_gone(
    broken_aws: ProviderClient, stub: StubAws, token: str, content_type: str, body: str
) -> None:
    stub.status, stub.content_type, stub.body = 500, content_type, body

    with pytest.raises(Failed, match=r"InternalError.*try later"):
        broken_aws.read(token, "thing", {"tags": {}})
    with pytest.raises(Failed, match=r"InternalError.*try later"):
        broken_aws.delete(token, "thing", {"forceDestroy": True})


def test_something_else_at_the_endpoint_is_named(broken_aws: ProviderClient, stub: StubAws) -> None:
    stub.status, stub.content_type, stub.body = 200, "text/html", "<p>Welcome to nginx"

    with pytest.raises(Failed, match=f"get_bucket_location: {stub.endpoint} gave an answer that is not AWS's"):
        broken_aws.read(BUCKET, "thing", {"bucket": "thing"})


@pytest.mark.parametrize("token", sorted(RESOURCE_TYPES))
def test_an_operation_that_the_simulation_lacks_is_not_read_as_gone(
    broken_aws: ProviderClient, without_operations: StubAws, token: str
) -> None:
    # Some types take their id apart.
    id_ = "thing" if token.startswith("aws:s3") else "thing:thing_thing/arn:aws:iam::aws:policy/thing"
    state = {"policyArn": "arn:aws:iam::aws:policy/thing", "role": "thing", "securityGroupId": "thing"}

    with pytest.raises(Failed):
        broken_aws.read(token, id_, {"tags": {}})
    with pytest.raises(Failed):
        broken_aws.delete(token, id_, {**state, "skipFinalSnapshot": True})

    assert len(without_operations.asked) == 2


def test_a_failed_call_that_says_so_is_read_as_gone(broken_aws: ProviderClient, stub: StubAws) -> None:
    stub.status, stub.content_type = 404, "application/xml"
    stub.body = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"

    assert broken_aws.read(BUCKET, "gone", {"bucket": "gone"}).id == ""
    broken_aws.delete(BUCKET, "gone", {"bucket": "gone"})


def test_a_creation_that_fails_half_way_leaves_nothing(aws: ProviderClient, scene: Scene) -> None:
    def gateways() -> set[str]:
        found = scene.client("ec2").describe_internet_gateways()["InternetGateways"]
        return {gateway["InternetGatewayId"] for gateway in found}

    before = gateways()

    with pytest.raises(Failed, match="AttachInternetGateway"):
        aws.create(INTERNET_GATEWAY, {"vpcId": "vpc-00000000000000000"})

    assert gateways() == before


def test_a_failed_creation_can_be_tried_again_under_the_same_name(aws: ProviderClient, scene: Scene) -> None:
    name = scene.name("models")
    tags = {"aws:reserved": "1"}  # S3 takes tags in a call of their own, and refuses these
    with pytest.raises(Failed, match="PutBucketTagging"):
        aws.create(BUCKET, {"bucket": name, "tags": tags})

    assert aws.create(BUCKET, {"bucket": name}).id == name


def test_what_is_in_use_is_not_deleted(aws: ProviderClient) -> None:
    vpc = aws.create(VPC, {"cidrBlock": "10.1.0.0/16"})
    aws.create(SUBNET, {"vpcId": vpc.id, "cidrBlock": "10.1.0.0/24"})

    with pytest.raises(Failed, match="DependencyViolation"):
        aws.delete(VPC, vpc.id, vpc.properties)


def test_a_full_bucket_is_deleted_only_if_the_program_says_so(aws: ProviderClient, scene: Scene) -> None:
    s3 = scene.client("s3")
    bucket = aws.create(BUCKET, {"bucket": scene.name()})
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    for text in (b"one", b"two"):
        s3.put_object(Bucket=bucket.id, Key="artifact", Body=text)
    s3.delete_object(Bucket=bucket.id, Key="artifact")

    with pytest.raises(Failed, match="BucketNotEmpty"):
        aws.delete(BUCKET, bucket.id, bucket.properties)
    aws.delete(BUCKET, bucket.id, {**bucket.properties, "forceDestroy": True})

    assert aws.read(BUCKET, bucket.id, {}).id == ""


def database_inputs(scene: Scene) -> Properties:
    return {
        "identifier": scene.name(),
        "engine": "postgres",
        "instanceClass": "db.t4g.small",
        "allocatedStorage": 20,
    }


def test_a_protected_load_balancer_is_not_deleted(aws: ProviderClient, scene: Scene) -> None:
    inputs = {"name": scene.name(), "subnets": scene.subnets[:2], "enableDeletionProtection": True}
    balancer = aws.create(LOAD_BALANCER, inputs)

    with pytest.raises(Failed, match="deletion protection"):
        aws.delete(LOAD_BALANCER, balancer.id, balancer.properties)

    assert aws.read(LOAD_BALANCER, balancer.id, inputs).id == balancer.id


def test_a_protected_database_is_not_deleted_until_the_program_takes_the_protection_off(
    aws: ProviderClient, scene: Scene
) -> None:
    inputs = {**database_inputs(scene), "skipFinalSnapshot": True}
    database = aws.create(DATABASE, {**inputs, "deletionProtection": True})

    with pytest.raises(Failed, match="deletion protection"):
        aws.delete(DATABASE, database.id, database.properties)
    assert aws.read(DATABASE, database.id, inputs).id == database.id

    unprotected = aws.update(DATABASE, database.id, database.properties, inputs)
    aws.delete(DATABASE, database.id, unprotected)
    assert aws.read(DATABASE, database.id, inputs).id == ""


def test_a_database_is_deleted_with_a_last_snapshot_or_by_an_explicit_word(aws: ProviderClient, scene: Scene) -> None:
    final = scene.name("final")
    database = aws.create(DATABASE, database_inputs(scene))

    with pytest.raises(Failed, match="finalSnapshotIdentifier is required unless skipFinalSnapshot is set"):
        aws.delete(DATABASE, database.id, database.properties)
    aws.delete(DATABASE, database.id, {**database.properties, "finalSnapshotIdentifier": final})

    snapshots = scene.client("rds").describe_db_snapshots(DBSnapshotIdentifier=final)["DBSnapshots"]
    assert [snapshot["DBInstanceIdentifier"] for snapshot in snapshots] == [database.id]


def test_a_secret_can_be_restored_for_as_long_as_the_program_says(aws: ProviderClient, scene: Scene) -> None:
    token, secrets = "aws:secretsmanager/secret:Secret", scene.client("secretsmanager")
    kept, purged = scene.name("kept"), scene.name("purged")

    for name, days in ((kept, 7), (purged, 0)):
        created = aws.create(token, {"name": name, "recoveryWindowInDays": days})
        aws.delete(token, created.id, created.properties)

    assert secrets.describe_secret(SecretId=kept)["DeletedDate"]
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.describe_secret(SecretId=purged)


def test_an_interrupted_plugin_leaves_without_a_traceback_whatever_it_is_doing(endpoint: str, tmp_path: Path) -> None:
    environment = plugin_environment(AWS_ENDPOINT_URL=endpoint)
    with run_plugin(AWS_PLUGIN, tmp_path, environment) as plugin, connect(plugin.address) as provider:
        provider.configure(region=REGION)

        assert plugin.interrupt() == 0

    assert plugin.stderr.read_text() == ""

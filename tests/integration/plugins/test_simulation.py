"""The simulated AWS under many clients at once, as the Pulumi engine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from .client import ProviderClient
from .scene import REGION, Scene


@pytest.fixture
def impatient(endpoint: str) -> Callable[[str], Any]:
    """Return a function that makes clients which do not try again: a failed request shows."""
    session = boto3.Session(aws_access_key_id="simulation", aws_secret_access_key="simulation", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=40, read_timeout=120)
    # The service is not known before it runs, so no overload of the stubs applies.
    return lambda service: session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]


def test_two_hundred_concurrent_calls_lose_nothing(impatient: Callable[[str], Any], scene: Scene) -> None:
    ec2, vpc = impatient("ec2"), scene.vpc
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "description", "Values": ["one of many"]}]

    def create_and_describe(index: int) -> tuple[str, bool]:
        group = ec2.create_security_group(GroupName=f"group-{index}", Description="one of many", VpcId=vpc)["GroupId"]
        found = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return group, group in {one["GroupId"] for one in found}

    with ThreadPoolExecutor(40) as pool:
        created = list(pool.map(create_and_describe, range(100)))

    assert all(seen for _, seen in created), "a group was not there right after its creation"
    listed = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    assert len(listed) == 100
    assert {group["GroupId"] for group in listed} == {group for group, _ in created}


def test_a_request_waits_for_the_one_before_it(scene: Scene) -> None:
    """Two receivers of an empty queue, each of which waits for a message: together they wait twice as long."""
    sqs = scene.client("sqs")
    queue = sqs.create_queue(QueueName=scene.name())["QueueUrl"]

    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2), range(2)))
    lasted = time.monotonic() - began

    assert [answer.get("Messages", []) for answer in answers] == [[], []]
    assert lasted >= 4


def test_one_provider_creates_many_resources_at_once(aws: ProviderClient, scene: Scene) -> None:
    token = "aws:cloudwatch/logGroup:LogGroup"
    stem = scene.name("parallel")

    def create(index: int) -> str:
        return aws.create(token, {"name": f"{stem}-{index}", "retentionInDays": 7, "tags": {"index": str(index)}}).id

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(create, range(40)))

    assert ids == [f"{stem}-{index}" for index in range(40)]
    pages = scene.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=stem)
    found = {group["logGroupName"]: group.get("retentionInDays") for page in pages for group in page["logGroups"]}
    assert found == dict.fromkeys(ids, 7)

"""Whom the AWS provider talks to: its own simulation, the stack's account, or nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .client import Failed, ProviderClient, connect
from .conftest import AWS_PLUGIN
from .processes import plugin_environment, run_plugin
from .scene import REGION

VPC = "aws:ec2/vpc:Vpc"


def test_the_account_of_the_simulation_is_accepted(own_aws: ProviderClient) -> None:
    own_aws.configure(region=REGION, allowedAccountIds=json.dumps(["999999999999", "123456789012"]))

    assert own_aws.create(VPC, {"cidrBlock": "10.0.0.0/16"}).id.startswith("vpc-")


def test_another_account_is_refused_and_nothing_can_be_created_then(own_aws: ProviderClient) -> None:
    with pytest.raises(
        Failed, match="the credentials belong to account 123456789012; this stack allows 111111111111, 222222222222"
    ):
        own_aws.configure(region=REGION, allowedAccountIds=json.dumps(["111111111111", "222222222222"]))

    with pytest.raises(Failed, match="the provider was not configured"):
        own_aws.create(VPC, {"cidrBlock": "10.0.0.0/16"})


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://192.0.2.1:4566", "works only against a simulation on loopback"),
        (None, "AWS_ENDPOINT_URL is not set"),
    ],
)
def test_an_endpoint_that_is_missing_or_not_on_loopback_is_refused(
    tmp_path: Path, endpoint: str | None, reason: str
) -> None:
    environment = plugin_environment(**({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}))

    with run_plugin(AWS_PLUGIN, tmp_path, environment) as plugin, connect(plugin.address) as provider:
        with pytest.raises(Failed, match=reason):
            provider.configure(region=REGION)
        with pytest.raises(Failed, match="the provider was not configured"):
            provider.create(VPC, {"cidrBlock": "10.0.0.0/16"})


def test_nothing_else_in_the_environment_leads_away_from_the_endpoint_that_was_checked(
    endpoint: str, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:1"
    environment = plugin_environment(
        AWS_ENDPOINT_URL=endpoint,
        # A service's own endpoint wins over the general one in boto3.
        AWS_ENDPOINT_URL_EC2=nowhere,
        AWS_ENDPOINT_URL_STS=nowhere,
        # A proxy's loopback is not ours.
        HTTP_PROXY=nowhere,
        http_proxy=nowhere,
    )
    environment = {name: value for name, value in environment.items() if name.lower() != "no_proxy"}

    with run_plugin(AWS_PLUGIN, tmp_path, environment) as plugin, connect(plugin.address) as provider:
        provider.configure(region=REGION)

        assert provider.create(VPC, {"cidrBlock": "10.0.0.0/16"}).id.startswith("vpc-")


def test_a_missing_region_is_refused(own_aws: ProviderClient) -> None:
    with pytest.raises(Failed, match="the provider has no region"):
        own_aws.configure()


def test_resources_are_made_in_the_region_of_the_provider(own_aws: ProviderClient) -> None:
    own_aws.configure(region="eu-central-1")

    vpc = own_aws.create(VPC, {"cidrBlock": "10.0.0.0/16"})

    assert vpc.properties["arn"].startswith("arn:aws:ec2:eu-central-1:123456789012:vpc/")
    assert own_aws.invoke("aws:index/getAvailabilityZones:getAvailabilityZones")["names"][0] == "eu-central-1a"


def test_another_region_replaces_the_provider_and_other_settings_do_not(aws: ProviderClient) -> None:
    old = {"region": REGION, "defaultTags": '{"tags":{"a":"1"}}'}

    unchanged = aws.diff_config(old, dict(old))
    moved = aws.diff_config(old, {**old, "region": "eu-central-1"})
    retagged = aws.diff_config(old, {**old, "defaultTags": '{"tags":{"a":"2"}}'})

    assert not unchanged.changed
    assert (moved.changed, moved.replaces) == (True, {"region"})
    assert (retagged.changed, retagged.replaces) == (True, set())

"""The data sources (`aws.get_...`) that the offline provider answers."""

from __future__ import annotations

from collections.abc import Callable

from offline.aws.cloud import Cloud
from offline.aws.resource import Properties


def get_availability_zones(cloud: Cloud) -> Properties:
    zones = cloud.call("ec2", "describe_availability_zones")["AvailabilityZones"]
    return {
        "id": cloud.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
    }


def get_caller_identity(cloud: Cloud) -> Properties:
    caller = cloud.call("sts", "get_caller_identity")
    return {
        "accountId": caller["Account"],
        "arn": caller["Arn"],
        "id": caller["Account"],
        "userId": caller["UserId"],
    }


INVOKES: dict[str, Callable[[Cloud], Properties]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": get_availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": get_caller_identity,
}

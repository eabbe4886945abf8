"""The data sources (`aws.get_...`) that the offline provider answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from offline.aws.cloud import Cloud
from offline.aws.resource import Properties


@dataclass(frozen=True)
class Function:
    """One data source and the arguments that it heeds; others are refused."""

    call: Callable[[Cloud, Properties], Properties]
    arguments: frozenset[str] = frozenset()


def get_availability_zones(cloud: Cloud, arguments: Properties) -> Properties:
    filters = [{"Name": "state", "Values": [arguments["state"]]}] if arguments.get("state") else None
    zones = cloud.call("ec2", "describe_availability_zones", Filters=filters)["AvailabilityZones"]
    return {
        "id": cloud.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        **arguments,
    }


def get_caller_identity(cloud: Cloud, _arguments: Properties) -> Properties:
    caller = cloud.call("sts", "get_caller_identity")
    return {
        "accountId": caller["Account"],
        "arn": caller["Arn"],
        "id": caller["Account"],
        "userId": caller["UserId"],
    }


INVOKES = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": Function(get_availability_zones, frozenset({"state"})),
    "aws:index/getCallerIdentity:getCallerIdentity": Function(get_caller_identity),
}

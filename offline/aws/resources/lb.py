"""The load balancer, its target groups and listeners. Ids are ARNs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from offline.aws.cloud import Cloud, Denied
from offline.aws.resource import Properties, ResourceType, from_tag_list, present, removed_tags, to_tag_list


class LoadBalancer(ResourceType):
    token = "aws:lb/loadBalancer:LoadBalancer"
    name_property = "name"
    name_limit = 32
    replaces = frozenset({"internal", "loadBalancerType", "name"})
    updates = frozenset(
        {"dropInvalidHeaderFields", "enableDeletionProtection", "idleTimeout", "securityGroups", "subnets", "tags"}
    )

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        answer = cloud.call(
            "elbv2",
            "create_load_balancer",
            Name=inputs["name"],
            Scheme="internal" if inputs.get("internal") else "internet-facing",
            Type=inputs.get("loadBalancerType", "application"),
            SecurityGroups=inputs.get("securityGroups"),
            Subnets=inputs.get("subnets"),
            Tags=to_tag_list(inputs.get("tags")) or None,
        )
        arn: str = answer["LoadBalancers"][0]["LoadBalancerArn"]
        return arn

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        self._set_attributes(cloud, resource_id, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        answer = cloud.call("elbv2", "describe_load_balancers", LoadBalancerArns=[resource_id])
        balancer = answer["LoadBalancers"][0]
        attributes = _read_attributes(cloud, "describe_load_balancer_attributes", LoadBalancerArn=resource_id)
        return {
            "arn": resource_id,
            "dnsName": balancer["DNSName"],
            "dropInvalidHeaderFields": attributes.get("routing.http.drop_invalid_header_fields.enabled") == "true",
            "enableDeletionProtection": attributes.get("deletion_protection.enabled") == "true",
            "idleTimeout": int(attributes.get("idle_timeout.timeout_seconds", 60)),
            "internal": balancer["Scheme"] == "internal",
            "loadBalancerType": balancer["Type"],
            "name": balancer["LoadBalancerName"],
            "securityGroups": balancer.get("SecurityGroups", []),
            "subnets": [zone["SubnetId"] for zone in balancer["AvailabilityZones"]],
            "tags": _read_tags(cloud, resource_id),
            "zoneId": balancer.get("CanonicalHostedZoneId"),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        if old.get("securityGroups") != new.get("securityGroups"):
            cloud.call(
                "elbv2",
                "set_security_groups",
                LoadBalancerArn=resource_id,
                SecurityGroups=new.get("securityGroups", []),
            )
        if old.get("subnets") != new.get("subnets"):
            cloud.call("elbv2", "set_subnets", LoadBalancerArn=resource_id, Subnets=new.get("subnets", []))
        self._set_attributes(cloud, resource_id, new)
        _retag(cloud, resource_id, old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        if self.read(cloud, resource_id)["enableDeletionProtection"]:
            raise Denied(f"load balancer {resource_id} can't be deleted: deletion protection is enabled")
        cloud.call("elbv2", "delete_load_balancer", LoadBalancerArn=resource_id)

    def _set_attributes(self, cloud: Cloud, arn: str, inputs: Properties) -> None:
        attributes = {"deletion_protection.enabled": _flag(inputs.get("enableDeletionProtection"))}
        if inputs.get("loadBalancerType", "application") == "application":
            attributes |= {
                "idle_timeout.timeout_seconds": str(inputs.get("idleTimeout", 60)),
                "routing.http.drop_invalid_header_fields.enabled": _flag(inputs.get("dropInvalidHeaderFields")),
            }
        cloud.call("elbv2", "modify_load_balancer_attributes", LoadBalancerArn=arn, Attributes=to_tag_list(attributes))


class TargetGroup(ResourceType):
    token = "aws:lb/targetGroup:TargetGroup"
    name_property = "name"
    name_limit = 32
    replaces = frozenset({"name", "port", "protocol", "targetType", "vpcId"})
    updates = frozenset({"deregistrationDelay", "healthCheck", "tags"})
    nested = MappingProxyType(
        {
            "healthCheck": frozenset(
                {
                    "healthyThreshold",
                    "interval",
                    "matcher",
                    "path",
                    "port",
                    "protocol",
                    "timeout",
                    "unhealthyThreshold",
                }
            )
        }
    )

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        answer = cloud.call(
            "elbv2",
            "create_target_group",
            Name=inputs["name"],
            Port=inputs.get("port"),
            Protocol=inputs.get("protocol"),
            TargetType=inputs.get("targetType"),
            VpcId=inputs.get("vpcId"),
            Tags=to_tag_list(inputs.get("tags")) or None,
            **self._health_check(inputs),
        )
        arn: str = answer["TargetGroups"][0]["TargetGroupArn"]
        return arn

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        self._set_attributes(cloud, resource_id, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        group = cloud.call("elbv2", "describe_target_groups", TargetGroupArns=[resource_id])["TargetGroups"][0]
        attributes = _read_attributes(cloud, "describe_target_group_attributes", TargetGroupArn=resource_id)
        return {
            "arn": resource_id,
            "deregistrationDelay": int(attributes.get("deregistration_delay.timeout_seconds", 300)),
            "healthCheck": present(
                {
                    "healthyThreshold": group.get("HealthyThresholdCount"),
                    "interval": group.get("HealthCheckIntervalSeconds"),
                    "matcher": group.get("Matcher", {}).get("HttpCode"),
                    "path": group.get("HealthCheckPath"),
                    "port": group.get("HealthCheckPort"),
                    "protocol": group.get("HealthCheckProtocol"),
                    "timeout": group.get("HealthCheckTimeoutSeconds"),
                    "unhealthyThreshold": group.get("UnhealthyThresholdCount"),
                }
            ),
            "name": group["TargetGroupName"],
            "port": group.get("Port"),
            "protocol": group.get("Protocol"),
            "tags": _read_tags(cloud, resource_id),
            "targetType": group.get("TargetType"),
            "vpcId": group.get("VpcId"),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        if old.get("healthCheck") != new.get("healthCheck"):
            cloud.call("elbv2", "modify_target_group", TargetGroupArn=resource_id, **self._health_check(new))
        self._set_attributes(cloud, resource_id, new)
        _retag(cloud, resource_id, old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("elbv2", "delete_target_group", TargetGroupArn=resource_id)

    def _set_attributes(self, cloud: Cloud, arn: str, inputs: Properties) -> None:
        attributes = {"deregistration_delay.timeout_seconds": str(inputs.get("deregistrationDelay", 300))}
        cloud.call("elbv2", "modify_target_group_attributes", TargetGroupArn=arn, Attributes=to_tag_list(attributes))

    def _health_check(self, inputs: Properties) -> dict[str, Any]:
        check = inputs.get("healthCheck") or {}
        matcher = {"HttpCode": check["matcher"]} if check.get("matcher") else None
        return {
            "HealthCheckIntervalSeconds": check.get("interval"),
            "HealthCheckPath": check.get("path"),
            "HealthCheckPort": check.get("port"),
            "HealthCheckProtocol": check.get("protocol"),
            "HealthCheckTimeoutSeconds": check.get("timeout"),
            "HealthyThresholdCount": check.get("healthyThreshold"),
            "Matcher": matcher,
            "UnhealthyThresholdCount": check.get("unhealthyThreshold"),
        }


class Listener(ResourceType):
    """A listener that forwards to one target group."""

    token = "aws:lb/listener:Listener"
    replaces = frozenset({"loadBalancerArn"})
    updates = frozenset({"defaultActions", "port", "protocol", "tags"})
    nested = MappingProxyType({"defaultActions": frozenset({"targetGroupArn", "type"})})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        answer = cloud.call(
            "elbv2",
            "create_listener",
            LoadBalancerArn=inputs["loadBalancerArn"],
            Tags=to_tag_list(inputs.get("tags")) or None,
            **self._arguments(inputs),
        )
        arn: str = answer["Listeners"][0]["ListenerArn"]
        return arn

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        listener = cloud.call("elbv2", "describe_listeners", ListenerArns=[resource_id])["Listeners"][0]
        return {
            "arn": resource_id,
            "defaultActions": [
                present({"targetGroupArn": action.get("TargetGroupArn"), "type": action["Type"]})
                for action in listener["DefaultActions"]
            ],
            "loadBalancerArn": listener["LoadBalancerArn"],
            "port": listener["Port"],
            "protocol": listener["Protocol"],
            "tags": _read_tags(cloud, resource_id),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        cloud.call("elbv2", "modify_listener", ListenerArn=resource_id, **self._arguments(new))
        _retag(cloud, resource_id, old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("elbv2", "delete_listener", ListenerArn=resource_id)

    def _arguments(self, inputs: Properties) -> dict[str, Any]:
        actions = [
            present({"Type": action["type"], "TargetGroupArn": action.get("targetGroupArn")})
            for action in inputs["defaultActions"]
        ]
        return {"Port": inputs.get("port"), "Protocol": inputs.get("protocol"), "DefaultActions": actions}


def _flag(value: object) -> str:
    return "true" if value else "false"


def _read_attributes(cloud: Cloud, operation: str, **arguments: str) -> dict[str, str]:
    return from_tag_list(cloud.call("elbv2", operation, **arguments)["Attributes"])


def _read_tags(cloud: Cloud, arn: str) -> dict[str, str]:
    return from_tag_list(cloud.call("elbv2", "describe_tags", ResourceArns=[arn])["TagDescriptions"][0]["Tags"])


def _retag(cloud: Cloud, arn: str, old: Properties, new: Properties) -> None:
    if removed := removed_tags(old, new):
        cloud.call("elbv2", "remove_tags", ResourceArns=[arn], TagKeys=removed)
    if tags := to_tag_list(new.get("tags")):
        cloud.call("elbv2", "add_tags", ResourceArns=[arn], Tags=tags)

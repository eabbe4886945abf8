"""The cluster and its managed node groups."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from offline.aws.cloud import Cloud
from offline.aws.resource import Properties, ResourceType, present, removed_tags


class Cluster(ResourceType):
    """A control plane. A new version is an update on AWS and a replacement here: moto has no UpdateClusterVersion."""

    token = "aws:eks/cluster:Cluster"
    name_property = "name"
    name_limit = 100
    replaces = frozenset({"name", "roleArn", "version", "vpcConfig"})
    updates = frozenset({"tags"})
    nested = MappingProxyType(
        {"vpcConfig": frozenset({"endpointPrivateAccess", "endpointPublicAccess", "securityGroupIds", "subnetIds"})}
    )

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call(
            "eks",
            "create_cluster",
            name=inputs["name"],
            resourcesVpcConfig=present(inputs["vpcConfig"]),
            roleArn=inputs["roleArn"],
            tags=inputs.get("tags"),
            version=inputs.get("version"),
        )
        name: str = inputs["name"]
        return name

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        cluster = cloud.call("eks", "describe_cluster", name=resource_id)["cluster"]
        return {
            "arn": cluster["arn"],
            "certificateAuthority": {"data": cluster["certificateAuthority"]["data"]},
            "endpoint": cluster["endpoint"],
            "name": resource_id,
            "roleArn": cluster["roleArn"],
            "status": cluster["status"],
            "tags": cluster.get("tags", {}),
            "version": cluster["version"],
            "vpcConfig": cluster["resourcesVpcConfig"],
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        arn = self.read(cloud, resource_id)["arn"]
        if removed := removed_tags(old, new):
            cloud.call("eks", "untag_resource", resourceArn=arn, tagKeys=removed)
        if new.get("tags"):
            cloud.call("eks", "tag_resource", resourceArn=arn, tags=new["tags"])

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("eks", "delete_cluster", name=resource_id)


class NodeGroup(ResourceType):
    """A managed node group; the id is `CLUSTER:GROUP`.

    New tags are an update on AWS and a replacement here: moto tags clusters alone.
    """

    token = "aws:eks/nodeGroup:NodeGroup"
    name_property = "nodeGroupName"
    replaces = frozenset(
        {
            "amiType",
            "capacityType",
            "clusterName",
            "diskSize",
            "instanceTypes",
            "nodeGroupName",
            "nodeRoleArn",
            "subnetIds",
            "tags",
        }
    )
    updates = frozenset({"labels", "scalingConfig", "taints"})
    nested = MappingProxyType(
        {
            "scalingConfig": frozenset({"desiredSize", "maxSize", "minSize"}),
            "taints": frozenset({"effect", "key", "value"}),
        }
    )

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call(
            "eks",
            "create_nodegroup",
            amiType=inputs.get("amiType"),
            capacityType=inputs.get("capacityType"),
            clusterName=inputs["clusterName"],
            diskSize=inputs.get("diskSize"),
            instanceTypes=inputs.get("instanceTypes"),
            labels=inputs.get("labels"),
            nodeRole=inputs["nodeRoleArn"],
            nodegroupName=inputs["nodeGroupName"],
            scalingConfig=inputs["scalingConfig"],
            subnets=inputs["subnetIds"],
            tags=inputs.get("tags"),
            taints=[present(taint) for taint in inputs.get("taints") or []],
        )
        return f"{inputs['clusterName']}:{inputs['nodeGroupName']}"

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        cluster, name = resource_id.split(":", 1)
        group = cloud.call("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=name)["nodegroup"]
        return {
            "amiType": group.get("amiType"),
            "arn": group["nodegroupArn"],
            "capacityType": group.get("capacityType"),
            "clusterName": cluster,
            "diskSize": group.get("diskSize"),
            "instanceTypes": group.get("instanceTypes"),
            "labels": group.get("labels"),
            "nodeGroupName": name,
            "nodeRoleArn": group["nodeRole"],
            "scalingConfig": group["scalingConfig"],
            "status": group["status"],
            "subnetIds": group["subnets"],
            "tags": group.get("tags", {}),
            "taints": group.get("taints"),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        cluster, name = resource_id.split(":", 1)
        live = self.read(cloud, resource_id)
        old_labels, labels = live["labels"] or {}, new.get("labels") or {}
        old_taints, taints = live["taints"] or [], [present(taint) for taint in new.get("taints") or []]
        changes: dict[str, Any] = {"scalingConfig": new["scalingConfig"]}
        if labels != old_labels:
            changes["labels"] = {
                "addOrUpdateLabels": labels,
                "removeLabels": sorted(set(old_labels) - set(labels)),
            }
        if taints != old_taints:
            # A key and an effect make a taint; another value is an update of it.
            kept = {(taint["key"], taint["effect"]) for taint in taints}
            changes["taints"] = {
                "addOrUpdateTaints": taints,
                "removeTaints": [taint for taint in old_taints if (taint["key"], taint["effect"]) not in kept],
            }
        cloud.call("eks", "update_nodegroup_config", clusterName=cluster, nodegroupName=name, **changes)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cluster, name = resource_id.split(":", 1)
        cloud.call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=name)

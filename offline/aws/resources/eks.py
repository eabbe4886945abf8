"""The cluster and its managed node groups."""

from __future__ import annotations

from typing import Any

from offline.aws.cloud import Cloud
from offline.aws.resource import Properties, ResourceType, removed_tags


class Cluster(ResourceType):
    token = "aws:eks/cluster:Cluster"
    name_property = "name"
    name_limit = 100
    replaces = frozenset({"name", "roleArn", "version", "vpcConfig"})
    updates = frozenset({"tags"})
    # A version change is in place on AWS; moto 5.2.5 answers 404 to UpdateClusterVersion, so here it replaces.

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call_with(
            "eks",
            "create_cluster",
            {key: inputs.get(key) for key in ("name", "roleArn", "version", "tags")},
            resourcesVpcConfig={
                key: value
                for key, value in inputs["vpcConfig"].items()
                if key in ("subnetIds", "securityGroupIds", "endpointPrivateAccess", "endpointPublicAccess")
            },
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
        _retag(cloud, self.read(cloud, resource_id)["arn"], old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("eks", "delete_cluster", name=resource_id)


class NodeGroup(ResourceType):
    """A managed node group; the id is `CLUSTER:GROUP`."""

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
        }
    )
    updates = frozenset({"labels", "scalingConfig", "tags", "taints"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call_with(
            "eks",
            "create_nodegroup",
            {
                key: inputs.get(key)
                for key in ("amiType", "capacityType", "clusterName", "diskSize", "instanceTypes", "labels", "tags")
            }
            | {"nodegroupName": inputs["nodeGroupName"], "scalingConfig": inputs["scalingConfig"]},
            nodeRole=inputs["nodeRoleArn"],
            subnets=inputs["subnetIds"],
            taints=inputs.get("taints"),
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
        old_taints, taints = live["taints"] or [], new.get("taints") or []
        changes: dict[str, Any] = {"scalingConfig": new["scalingConfig"]}
        if labels != old_labels:
            changes["labels"] = {
                "addOrUpdateLabels": labels,
                "removeLabels": sorted(set(old_labels) - set(labels)),
            }
        if taints != old_taints:
            changes["taints"] = {
                "addOrUpdateTaints": taints,
                "removeTaints": [taint for taint in old_taints if taint not in taints],
            }
        cloud.call("eks", "update_nodegroup_config", clusterName=cluster, nodegroupName=name, **changes)
        _retag(cloud, live["arn"], old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cluster, name = resource_id.split(":", 1)
        cloud.call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=name)


def _retag(cloud: Cloud, arn: str, old: Properties, new: Properties) -> None:
    if removed := removed_tags(old, new):
        cloud.call("eks", "untag_resource", resourceArn=arn, tagKeys=removed)
    if new.get("tags"):
        cloud.call("eks", "tag_resource", resourceArn=arn, tags=new["tags"])

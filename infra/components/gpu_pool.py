"""A pool: nodes of one accelerator type."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.components.cluster import Cluster
from infra.settings import GpuPoolSettings

GPU_TAINT = "nvidia.com/gpu"


class GpuPool(pulumi.ComponentResource):
    """A managed node group that only workloads asking for its accelerator are placed on."""

    def __init__(
        self,
        settings: GpuPoolSettings,
        *,
        cluster: Cluster,
        subnet_ids: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the pool named in `settings`.

        Args:
            settings: what the pool consists of.
            cluster: the cluster that the nodes join.
            subnet_ids: private subnets to place nodes in.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:GpuPool", settings.name, None, opts)
        self.node_group = aws.eks.NodeGroup(
            settings.name,
            cluster_name=cluster.control_plane.name,
            node_role_arn=cluster.node_role.arn,
            subnet_ids=list(subnet_ids),
            instance_types=list(settings.instance_types),
            capacity_type=settings.capacity.upper(),
            ami_type="AL2023_x86_64_NVIDIA",
            disk_size=settings.disk_gib,
            scaling_config={
                "min_size": settings.min_nodes,
                "max_size": settings.max_nodes,
                "desired_size": settings.min_nodes,
            },
            labels={"faregate/pool": settings.name, "faregate/accelerator": settings.accelerator},
            taints=[{"key": GPU_TAINT, "value": "present", "effect": "NO_SCHEDULE"}],
            # The desired size belongs to the autoscaler once the pool exists.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=cluster.node_policies, ignore_changes=["scalingConfig.desiredSize"]
            ),
        )
        self.register_outputs({"name": self.node_group.node_group_name})

"""The Kubernetes cluster: the control plane and the identity of its nodes."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.components.role import make_service_role


class Cluster(pulumi.ComponentResource):
    """An EKS control plane whose API is not open to the internet."""

    def __init__(
        self,
        name: str,
        *,
        version: str,
        subnet_ids: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the cluster.

        Args:
            name: logical name.
            version: Kubernetes minor version.
            subnet_ids: private subnets in at least two zones.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:Cluster", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        role, policies = make_service_role(
            name, service="eks.amazonaws.com", policies=["AmazonEKSClusterPolicy"], opts=own
        )
        self.control_plane = aws.eks.Cluster(
            name,
            version=version,
            role_arn=role.arn,
            vpc_config={
                "subnet_ids": list(subnet_ids),
                "endpoint_private_access": True,
                "endpoint_public_access": False,
            },
            # Deleted last: without its policies the control plane can't remove its network interfaces.
            opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
        )
        self.node_role, self.node_policies = make_service_role(
            f"{name}-node",
            service="ec2.amazonaws.com",
            policies=["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"],
            opts=own,
        )
        self.register_outputs({"name": self.control_plane.name})

"""The load balancer: the one public address of the environment."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.components.network import GATEWAY_PORT


class LoadBalancer(pulumi.ComponentResource):
    """An application load balancer in front of the gateways."""

    def __init__(
        self,
        name: str,
        *,
        vpc_id: pulumi.Input[str],
        subnet_ids: Sequence[pulumi.Input[str]],
        security_group_id: pulumi.Input[str],
        idle_timeout_seconds: int,
        deletion_protection: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the load balancer.

        Args:
            name: logical name; with the environment it must fit in AWS's 32 characters.
            vpc_id: the network.
            subnet_ids: public subnets in at least two zones.
            security_group_id: who may connect.
            idle_timeout_seconds: a connection without bytes for this long is closed.
            deletion_protection: AWS refuses to delete it.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:LoadBalancer", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.balancer = aws.lb.LoadBalancer(
            name,
            load_balancer_type="application",
            subnets=list(subnet_ids),
            security_groups=[security_group_id],
            idle_timeout=idle_timeout_seconds,
            drop_invalid_header_fields=True,
            enable_deletion_protection=deletion_protection,
            opts=own,
        )
        self.targets = aws.lb.TargetGroup(
            name,
            vpc_id=vpc_id,
            port=GATEWAY_PORT,
            protocol="HTTP",
            target_type="ip",
            health_check={"path": "/readyz", "protocol": "HTTP", "matcher": "200", "interval": 5, "timeout": 2},
            # As long as a stream may last: a gateway that leaves finishes what it has begun.
            deregistration_delay=idle_timeout_seconds,
            opts=own,
        )
        aws.lb.Listener(
            name,
            load_balancer_arn=self.balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[{"type": "forward", "target_group_arn": self.targets.arn}],
            opts=own,
        )
        self.url = pulumi.Output.concat("http://", self.balancer.dns_name)
        self.register_outputs({"url": self.url})

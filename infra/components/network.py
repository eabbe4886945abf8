"""The network: a VPC over the first zones of the region, and who may talk to whom."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.names import name_tag
from infra.subnets import divide

ANYWHERE = "0.0.0.0/0"
GATEWAY_PORT = 8000
"""Port that a gateway listens on inside of its container."""
POSTGRES_PORT = 5432


class Network(pulumi.ComponentResource):
    """Public, private and database subnets in each zone; security groups that refer to each other, not to CIDRs."""

    def __init__(
        self,
        name: str,
        *,
        cidr: str,
        zones: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the network.

        Args:
            name: logical name.
            cidr: the VPC's address space, as `infra.subnets` allows it.
            zones: names of the availability zones to span.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:Network", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.vpc = aws.ec2.Vpc(
            name,
            cidr_block=cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=name_tag(name),
            opts=own,
        )
        blocks = dict(zip(zones, divide(cidr, len(zones)), strict=True))
        self.public_subnets = [self._subnet("public", zone, block.public) for zone, block in blocks.items()]
        self.private_subnets = [self._subnet("private", zone, block.private) for zone, block in blocks.items()]
        self.database_subnets = [self._subnet("database", zone, block.database) for zone, block in blocks.items()]
        self._route_to_internet(name)

        self.load_balancer_group = self._group("load-balancer", "The only thing that the internet reaches")
        self.gateway_group = self._group("gateway", "Gateways: reached by the load balancer alone")
        self.database_group = self._group("database", "The billing database: reached by gateways alone")
        self._allow("internet-to-load-balancer", self.load_balancer_group, 80, cidr=ANYWHERE)
        self._connect("load-balancer-to-gateway", self.load_balancer_group, self.gateway_group, GATEWAY_PORT)
        self._connect("gateway-to-database", self.gateway_group, self.database_group, POSTGRES_PORT)
        self.register_outputs({"vpc_id": self.vpc.id})

    def _subnet(self, kind: str, zone: str, cidr: str) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{kind}-{zone}",
            vpc_id=self.vpc.id,
            availability_zone=zone,
            cidr_block=cidr,
            tags=name_tag(f"{kind}-{zone}"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _route_to_internet(self, name: str) -> None:
        own = pulumi.ResourceOptions(parent=self)
        gateway = aws.ec2.InternetGateway(name, vpc_id=self.vpc.id, tags=name_tag(name), opts=own)
        table = aws.ec2.RouteTable("public", vpc_id=self.vpc.id, tags=name_tag("public"), opts=own)
        aws.ec2.Route(
            "internet", route_table_id=table.id, destination_cidr_block=ANYWHERE, gateway_id=gateway.id, opts=own
        )
        for subnet in self.public_subnets:
            aws.ec2.RouteTableAssociation(subnet._name, route_table_id=table.id, subnet_id=subnet.id, opts=own)  # noqa: SLF001

    def _group(self, name: str, description: str) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            name,
            vpc_id=self.vpc.id,
            description=description,
            tags=name_tag(name),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _allow(self, name: str, group: aws.ec2.SecurityGroup, port: int, *, cidr: str) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _connect(self, name: str, source: aws.ec2.SecurityGroup, destination: aws.ec2.SecurityGroup, port: int) -> None:
        own = pulumi.ResourceOptions(parent=self)
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=source.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=destination.id,
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=destination.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=source.id,
            opts=own,
        )

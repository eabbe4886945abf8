"""What a resource under test stands on: networks, roles, buckets, made through boto3 when they are asked for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any

REGION = "us-east-1"


class Scene:
    """The surroundings of one test; nothing in it is shared with another test."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        """Take a function that returns boto3's client of a service; the clients' types come from no stub."""
        self.client = client

    def name(self, stem: str = "test") -> str:
        """Return a name that nothing else has."""
        return f"{stem}-{uuid.uuid4().hex[:8]}"

    @cached_property
    def vpc(self) -> str:
        return self.make_vpc()

    @cached_property
    def subnets(self) -> list[str]:
        """Three subnets in three zones."""
        return [
            str(
                self.client("ec2").create_subnet(
                    VpcId=self.vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"{REGION}{zone}"
                )["Subnet"]["SubnetId"]
            )
            for index, zone in enumerate("abc")
        ]

    @cached_property
    def security_group(self) -> str:
        return self.make_security_group()

    @cached_property
    def route_table(self) -> str:
        return str(self.client("ec2").create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"])

    @cached_property
    def internet_gateway(self) -> str:
        return self.make_internet_gateway(self.vpc)

    @cached_property
    def role(self) -> str:
        """The name of a role."""
        name = self.name("role")
        self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
        return name

    @cached_property
    def role_arn(self) -> str:
        return str(self.client("iam").get_role(RoleName=self.role)["Role"]["Arn"])

    @cached_property
    def bucket(self) -> str:
        name = self.name("bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    @cached_property
    def cluster(self) -> str:
        name = self.name("cluster")
        self.client("eks").create_cluster(
            name=name, roleArn=self.role_arn, resourcesVpcConfig={"subnetIds": self.subnets[:2]}
        )
        return name

    @cached_property
    def database_subnets(self) -> str:
        return self.make_database_subnets()

    @cached_property
    def load_balancer(self) -> str:
        """The ARN of an application load balancer."""
        return self.make_load_balancer("application")

    @cached_property
    def network_load_balancer(self) -> str:
        return self.make_load_balancer("network")

    def make_vpc(self) -> str:
        return str(self.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])

    def make_internet_gateway(self, vpc: str) -> str:
        ec2 = self.client("ec2")
        gateway = str(ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return gateway

    def make_security_group(self) -> str:
        answer = self.client("ec2").create_security_group(
            GroupName=self.name("group"), Description="for a test", VpcId=self.vpc
        )
        return str(answer["GroupId"])

    def make_load_balancer(self, kind: str) -> str:
        """Return the ARN of a new load balancer."""
        name, subnets = self.name("lb"), self.subnets[:2]
        answer = self.client("elbv2").create_load_balancer(Name=name, Subnets=subnets, Type=kind)
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    def make_target_group(self) -> str:
        """Return the ARN of a new target group."""
        answer = self.client("elbv2").create_target_group(
            Name=self.name("tg"), Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip"
        )
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    def make_database_subnets(self) -> str:
        """Return the name of a new database subnet group."""
        name = self.name("subnets")
        self.client("rds").create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription="for a test", SubnetIds=self.subnets[:2]
        )
        return name


def trust(service: str) -> str:
    """Return a policy by which a service may assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

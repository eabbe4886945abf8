"""What lies in an AWS account, listed service by service: what `destroy` must leave empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Client = Callable[[str], Any]


def list_everything(client: Client) -> dict[str, list[str]]:
    """Return the names of resources of every kind that the program makes, but for what every account has."""
    ec2, elb, eks, rds = client("ec2"), client("elbv2"), client("eks"), client("rds")
    vpcs = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    in_vpcs = [{"Name": "vpc-id", "Values": vpcs or ["none"]}]
    clusters = eks.list_clusters()["clusters"]
    balancers = [found["LoadBalancerArn"] for found in elb.describe_load_balancers()["LoadBalancers"]]
    listed = {
        "vpcs": vpcs,
        "subnets": [found["SubnetId"] for found in ec2.describe_subnets(Filters=in_vpcs)["Subnets"]],
        "internet gateways": [
            found["InternetGatewayId"] for found in ec2.describe_internet_gateways()["InternetGateways"]
        ],
        "route tables": [found["RouteTableId"] for found in ec2.describe_route_tables(Filters=in_vpcs)["RouteTables"]],
        "security groups": [
            found["GroupId"] for found in ec2.describe_security_groups(Filters=in_vpcs)["SecurityGroups"]
        ],
        "clusters": clusters,
        "node groups": [
            name for cluster in clusters for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]
        ],
        "roles": [role["RoleName"] for role in client("iam").list_roles()["Roles"]],
        "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
        "load balancers": balancers,
        "listeners": [
            listener["ListenerArn"]
            for balancer in balancers
            for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        ],
        "target groups": [found["TargetGroupArn"] for found in elb.describe_target_groups()["TargetGroups"]],
        "databases": [found["DBInstanceIdentifier"] for found in rds.describe_db_instances()["DBInstances"]],
        "database subnet groups": [
            found["DBSubnetGroupName"] for found in rds.describe_db_subnet_groups()["DBSubnetGroups"]
        ],
        "secrets": [found["Name"] for found in client("secretsmanager").list_secrets()["SecretList"]],
        "log groups": [found["logGroupName"] for found in client("logs").describe_log_groups()["logGroups"]],
    }
    return {kind: sorted(names) for kind, names in listed.items()}

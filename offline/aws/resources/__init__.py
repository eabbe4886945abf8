"""The resource types that the offline provider models, by token."""

from __future__ import annotations

from offline.aws.resource import ResourceType
from offline.aws.resources import ec2, eks, identity, lb, operations, rds, s3

_ALL: list[type[ResourceType]] = [
    ec2.InternetGateway,
    ec2.Route,
    ec2.RouteTable,
    ec2.RouteTableAssociation,
    ec2.SecurityGroup,
    ec2.SecurityGroupEgressRule,
    ec2.SecurityGroupIngressRule,
    ec2.Subnet,
    ec2.Vpc,
    eks.Cluster,
    eks.NodeGroup,
    identity.Role,
    identity.RolePolicyAttachment,
    lb.Listener,
    lb.LoadBalancer,
    lb.TargetGroup,
    operations.LogGroup,
    operations.Secret,
    rds.Instance,
    rds.SubnetGroup,
    s3.Bucket,
    s3.BucketPublicAccessBlock,
    s3.BucketServerSideEncryptionConfiguration,
    s3.BucketVersioning,
]

RESOURCE_TYPES: dict[str, ResourceType] = {resource_type.token: resource_type() for resource_type in _ALL}

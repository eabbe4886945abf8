"""One or more samples of every resource type that the offline AWS provider models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .client import Properties
from .scene import Scene, trust

TAGS = {"kept": "1", "changed": "1", "removed": "1"}
NEW_TAGS = {"kept": "1", "changed": "2", "added": "1"}


@dataclass(frozen=True)
class Sample:
    """A resource as a program would ask for it, and what happens to it.

    `inputs` has every input that the type models, as far as they go together; names may be left to the provider.
    """

    inputs: Properties
    drift: Callable[[str], Properties | None]
    """Changes the resource (given its id) behind Pulumi's back; returns the inputs that differ, None if it is gone."""
    updates: Properties = field(default_factory=dict)
    """In-place changes by input, made one after the other."""
    in_state_only: frozenset[str] = frozenset()
    """Inputs that AWS does not know: they say how Pulumi deletes the resource."""
    stays: bool = False
    """Whether AWS has it still after a deletion."""


Builder = Callable[[Scene], Sample]
SAMPLES: list[tuple[str, Builder]] = []


def sample(token: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        SAMPLES.append((token, builder))
        return builder

    return register


# ---- networks ---------------------------------------------------------------------------------------------------


@sample("aws:ec2/vpc:Vpc")
def vpc(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("ec2").modify_vpc_attribute(VpcId=id_, EnableDnsSupport={"Value": False})
        return {"enableDnsSupport": False}

    return Sample(
        {"cidrBlock": "10.1.0.0/16", "enableDnsHostnames": True, "enableDnsSupport": True, "tags": TAGS},
        updates={"enableDnsHostnames": False, "enableDnsSupport": False, "tags": NEW_TAGS},
        drift=drift,
    )


@sample("aws:ec2/subnet:Subnet")
def subnet(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("ec2").modify_subnet_attribute(SubnetId=id_, MapPublicIpOnLaunch={"Value": False})
        return {"mapPublicIpOnLaunch": False}

    return Sample(
        {
            "availabilityZone": "us-east-1b",
            "cidrBlock": "10.0.9.0/24",
            "mapPublicIpOnLaunch": True,
            "tags": TAGS,
            "vpcId": scene.vpc,
        },
        updates={"mapPublicIpOnLaunch": False, "tags": NEW_TAGS},
        drift=drift,
    )


@sample("aws:ec2/internetGateway:InternetGateway")
def internet_gateway(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        other = scene.make_vpc()
        scene.client("ec2").detach_internet_gateway(InternetGatewayId=id_, VpcId=scene.vpc)
        scene.client("ec2").attach_internet_gateway(InternetGatewayId=id_, VpcId=other)
        return {"vpcId": other}

    return Sample({"tags": TAGS, "vpcId": scene.vpc}, updates={"tags": NEW_TAGS}, drift=drift)


@sample("aws:ec2/routeTable:RouteTable")
def route_table(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("ec2").create_tags(Resources=[id_], Tags=[{"Key": "kept", "Value": "2"}])
        return {"tags": {**TAGS, "kept": "2"}}

    return Sample({"tags": TAGS, "vpcId": scene.vpc}, updates={"tags": NEW_TAGS}, drift=drift)


@sample("aws:ec2/route:Route")
def route(scene: Scene) -> Sample:
    def drift(_id: str) -> Properties:
        other = scene.make_internet_gateway(scene.make_vpc())
        scene.client("ec2").replace_route(
            RouteTableId=scene.route_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=other
        )
        return {"gatewayId": other}

    return Sample(
        {
            "destinationCidrBlock": "0.0.0.0/0",
            "gatewayId": scene.internet_gateway,
            "routeTableId": scene.route_table,
        },
        drift=drift,
    )


@sample("aws:ec2/routeTableAssociation:RouteTableAssociation")
def route_table_association(scene: Scene) -> Sample:
    def drift(id_: str) -> None:
        scene.client("ec2").disassociate_route_table(AssociationId=id_)

    return Sample({"routeTableId": scene.route_table, "subnetId": scene.subnets[0]}, drift=drift)


@sample("aws:ec2/securityGroup:SecurityGroup")
def security_group(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("ec2").delete_tags(Resources=[id_], Tags=[{"Key": "removed"}])
        return {"tags": {"kept": "1", "changed": "1"}}

    return Sample(
        {"description": "who may enter", "name": scene.name(), "tags": TAGS, "vpcId": scene.vpc},
        updates={"tags": NEW_TAGS},
        drift=drift,
    )


def _rule_from_network(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "CidrIpv4": "10.9.0.0/16", "Description": "web"}
        scene.client("ec2").modify_security_group_rules(
            GroupId=scene.security_group, SecurityGroupRules=[{"SecurityGroupRuleId": id_, "SecurityGroupRule": rule}]
        )
        return {"cidrIpv4": "10.9.0.0/16"}

    return Sample(
        {
            "cidrIpv4": "10.8.0.0/16",
            "description": "web",
            "fromPort": 80,
            "ipProtocol": "tcp",
            "securityGroupId": scene.security_group,
            "tags": TAGS,
            "toPort": 81,
        },
        updates={"tags": NEW_TAGS},
        drift=drift,
    )


def _rule_from_group(scene: Scene) -> Sample:
    def drift(_id: str) -> None:
        # With the group its rules go.
        scene.client("ec2").delete_security_group(GroupId=scene.security_group)

    return Sample(
        {
            "ipProtocol": "-1",
            "referencedSecurityGroupId": scene.make_security_group(),
            "securityGroupId": scene.security_group,
        },
        drift=drift,
    )


for _direction in ("Ingress", "Egress"):
    for _rule in (_rule_from_network, _rule_from_group):
        sample(f"aws:vpc/securityGroup{_direction}Rule:SecurityGroup{_direction}Rule")(_rule)


# ---- the cluster ------------------------------------------------------------------------------------------------


@sample("aws:eks/cluster:Cluster")
def cluster(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        eks = scene.client("eks")
        arn = eks.describe_cluster(name=id_)["cluster"]["arn"]
        eks.tag_resource(resourceArn=arn, tags={"kept": "2"})
        return {"tags": {**TAGS, "kept": "2"}}

    return Sample(
        {
            "name": scene.name(),
            "roleArn": scene.role_arn,
            "tags": TAGS,
            "version": "1.33",
            "vpcConfig": {
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
                "securityGroupIds": [scene.security_group],
                "subnetIds": scene.subnets[:2],
            },
        },
        updates={"tags": NEW_TAGS},
        drift=drift,
    )


@sample("aws:eks/nodeGroup:NodeGroup")
def node_group(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scaling = {"desiredSize": 2, "maxSize": 3, "minSize": 0}
        scene.client("eks").update_nodegroup_config(
            clusterName=scene.cluster, nodegroupName=id_.split(":")[1], scalingConfig=scaling
        )
        return {"scalingConfig": scaling}

    return Sample(
        {
            "amiType": "AL2023_x86_64_NVIDIA",
            "capacityType": "SPOT",
            "clusterName": scene.cluster,
            "diskSize": 200,
            "instanceTypes": ["g6.xlarge", "g5.xlarge"],
            "labels": {"pool": "a", "old": "1"},
            "nodeGroupName": scene.name(),
            "nodeRoleArn": scene.role_arn,
            "scalingConfig": {"desiredSize": 0, "maxSize": 2, "minSize": 0},
            "subnetIds": scene.subnets[:2],
            "tags": TAGS,
            "taints": [
                {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"},
                {"key": "old", "effect": "NO_EXECUTE"},
            ],
        },
        updates={
            "labels": {"pool": "b", "new": "1"},
            "scalingConfig": {"desiredSize": 1, "maxSize": 4, "minSize": 1},
            "taints": [{"key": "nvidia.com/gpu", "value": "changed", "effect": "NO_SCHEDULE"}],
        },
        drift=drift,
    )


# ---- identity ---------------------------------------------------------------------------------------------------


@sample("aws:iam/role:Role")
def role(scene: Scene) -> Sample:
    name = scene.name()

    def drift(_id: str) -> Properties:
        changed = trust("lambda.amazonaws.com")
        scene.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=changed)
        return {"assumeRolePolicy": changed}

    return Sample(
        {"assumeRolePolicy": trust("eks.amazonaws.com"), "description": "nodes", "name": name, "tags": TAGS},
        updates={"assumeRolePolicy": trust("ec2.amazonaws.com"), "description": "changed", "tags": NEW_TAGS},
        drift=drift,
    )


@sample("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
def role_policy_attachment(scene: Scene) -> Sample:
    arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"

    def drift(_id: str) -> None:
        scene.client("iam").detach_role_policy(RoleName=scene.role, PolicyArn=arn)

    return Sample({"policyArn": arn, "role": scene.role}, drift=drift)


# ---- the load balancer ------------------------------------------------------------------------------------------


@sample("aws:lb/loadBalancer:LoadBalancer")
def load_balancer(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        attributes = [{"Key": "idle_timeout.timeout_seconds", "Value": "61"}]
        scene.client("elbv2").modify_load_balancer_attributes(LoadBalancerArn=id_, Attributes=attributes)
        return {"idleTimeout": 61}

    return Sample(
        {
            "dropInvalidHeaderFields": True,
            "enableDeletionProtection": True,
            "idleTimeout": 900,
            "internal": True,
            "loadBalancerType": "application",
            "name": scene.name(),
            "securityGroups": [scene.security_group],
            "subnets": scene.subnets[:2],
            "tags": TAGS,
        },
        updates={
            "dropInvalidHeaderFields": False,
            "enableDeletionProtection": False,
            "idleTimeout": 600,
            "securityGroups": [scene.make_security_group()],
            "subnets": scene.subnets[1:],
            "tags": NEW_TAGS,
        },
        drift=drift,
    )


@sample("aws:lb/loadBalancer:LoadBalancer")
def network_load_balancer(scene: Scene) -> Sample:
    def drift(id_: str) -> None:
        scene.client("elbv2").delete_load_balancer(LoadBalancerArn=id_)

    return Sample(
        {
            "enableDeletionProtection": False,
            "loadBalancerType": "network",
            "name": scene.name(),
            "subnets": scene.subnets[:2],
        },
        updates={"enableDeletionProtection": True, "subnets": scene.subnets},
        drift=drift,
    )


@sample("aws:lb/targetGroup:TargetGroup")
def target_group(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "61"}]
        scene.client("elbv2").modify_target_group_attributes(TargetGroupArn=id_, Attributes=attributes)
        return {"deregistrationDelay": 61}

    check = {
        "healthyThreshold": 2,
        "interval": 5,
        "matcher": "200",
        "path": "/readyz",
        "port": "8080",
        "protocol": "HTTP",
        "timeout": 2,
        "unhealthyThreshold": 3,
    }
    changed = {
        "healthyThreshold": 4,
        "interval": 10,
        "matcher": "200-299",
        "path": "/healthz",
        "port": "traffic-port",
        "protocol": "HTTPS",
        "timeout": 4,
        "unhealthyThreshold": 5,
    }
    return Sample(
        {
            "deregistrationDelay": 900,
            "healthCheck": check,
            "name": scene.name(),
            "port": 8000,
            "protocol": "HTTP",
            "tags": TAGS,
            "targetType": "ip",
            "vpcId": scene.vpc,
        },
        updates={"deregistrationDelay": 600, "healthCheck": changed, "tags": NEW_TAGS},
        drift=drift,
    )


@sample("aws:lb/listener:Listener")
def listener(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("elbv2").modify_listener(ListenerArn=id_, Port=81)
        return {"port": 81}

    return Sample(
        {
            "defaultActions": [{"type": "forward", "targetGroupArn": scene.make_target_group()}],
            "loadBalancerArn": scene.load_balancer,
            "port": 80,
            "protocol": "HTTP",
            "tags": TAGS,
        },
        updates={
            "defaultActions": [{"type": "forward", "targetGroupArn": scene.make_target_group()}],
            "port": 8080,
            "tags": NEW_TAGS,
        },
        drift=drift,
    )


@sample("aws:lb/listener:Listener")
def network_listener(scene: Scene) -> Sample:
    def drift(id_: str) -> None:
        scene.client("elbv2").delete_listener(ListenerArn=id_)

    # A listener of an application load balancer can only change to HTTPS, and that takes a certificate.
    return Sample(
        {
            "defaultActions": [{"type": "forward", "targetGroupArn": scene.make_target_group()}],
            "loadBalancerArn": scene.network_load_balancer,
            "port": 80,
            "protocol": "UDP",
        },
        updates={"protocol": "TCP"},
        drift=drift,
    )


# ---- operations -------------------------------------------------------------------------------------------------


@sample("aws:secretsmanager/secret:Secret")
def secret(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("secretsmanager").update_secret(SecretId=id_, Description="by hand")
        return {"description": "by hand"}

    return Sample(
        {"description": "owner", "name": scene.name(), "recoveryWindowInDays": 30, "tags": TAGS},
        updates={"description": "changed", "recoveryWindowInDays": 7, "tags": NEW_TAGS},
        in_state_only=frozenset({"recoveryWindowInDays"}),
        drift=drift,
    )


@sample("aws:secretsmanager/secret:Secret")
def secret_without_recovery(scene: Scene) -> Sample:
    def drift(id_: str) -> None:
        scene.client("secretsmanager").delete_secret(SecretId=id_)

    return Sample(
        {"name": scene.name(), "recoveryWindowInDays": 0},
        in_state_only=frozenset({"recoveryWindowInDays"}),
        drift=drift,
    )


@sample("aws:cloudwatch/logGroup:LogGroup")
def log_group(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("logs").put_retention_policy(logGroupName=id_, retentionInDays=30)
        return {"retentionInDays": 30}

    return Sample(
        {"name": scene.name(), "retentionInDays": 7, "tags": TAGS},
        updates={"retentionInDays": 14, "tags": NEW_TAGS},
        drift=drift,
    )


# ---- the database -----------------------------------------------------------------------------------------------


@sample("aws:rds/subnetGroup:SubnetGroup")
def subnet_group(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        rds = scene.client("rds")
        arn = rds.describe_db_subnet_groups(DBSubnetGroupName=id_)["DBSubnetGroups"][0]["DBSubnetGroupArn"]
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "kept", "Value": "2"}])
        return {"tags": {**TAGS, "kept": "2"}}

    return Sample(
        {"description": "ledger", "name": scene.name(), "subnetIds": scene.subnets[:2], "tags": TAGS},
        updates={"tags": NEW_TAGS},
        drift=drift,
    )


@sample("aws:rds/instance:Instance")
def database(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("rds").modify_db_instance(DBInstanceIdentifier=id_, BackupRetentionPeriod=3)
        return {"backupRetentionPeriod": 3}

    return Sample(
        {
            "allocatedStorage": 20,
            "backupRetentionPeriod": 1,
            "dbName": "billing",
            "dbSubnetGroupName": scene.database_subnets,
            "deletionProtection": True,
            "engine": "postgres",
            "engineVersion": "18.1",
            "finalSnapshotIdentifier": scene.name("final"),
            "identifier": scene.name(),
            "instanceClass": "db.t4g.small",
            "manageMasterUserPassword": True,
            "multiAz": False,
            "publiclyAccessible": False,
            "skipFinalSnapshot": False,
            "storageEncrypted": True,
            "tags": TAGS,
            "username": "owner",
            "vpcSecurityGroupIds": [scene.security_group],
        },
        updates={
            "allocatedStorage": 40,
            "backupRetentionPeriod": 7,
            "deletionProtection": False,
            "engineVersion": "18.2",
            "finalSnapshotIdentifier": scene.name("final"),
            "instanceClass": "db.t4g.medium",
            "manageMasterUserPassword": False,
            "multiAz": True,
            "publiclyAccessible": True,
            "skipFinalSnapshot": True,
            "tags": NEW_TAGS,
            "vpcSecurityGroupIds": [scene.make_security_group()],
        },
        in_state_only=frozenset({"finalSnapshotIdentifier", "skipFinalSnapshot"}),
        drift=drift,
    )


# ---- buckets ----------------------------------------------------------------------------------------------------


@sample("aws:s3/bucket:Bucket")
def bucket(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        tags = [{"Key": "kept", "Value": "2"}]
        scene.client("s3").put_bucket_tagging(Bucket=id_, Tagging={"TagSet": tags})
        return {"tags": {"kept": "2"}}

    return Sample(
        {"bucket": scene.name(), "forceDestroy": False, "tags": TAGS},
        updates={"forceDestroy": True, "tags": NEW_TAGS},
        in_state_only=frozenset({"forceDestroy"}),
        drift=drift,
    )


@sample("aws:s3/bucketVersioning:BucketVersioning")
def bucket_versioning(scene: Scene) -> Sample:
    def drift(id_: str) -> Properties:
        scene.client("s3").put_bucket_versioning(Bucket=id_, VersioningConfiguration={"Status": "Suspended"})
        return {"versioningConfiguration": {"status": "Suspended"}}

    return Sample(
        {"bucket": scene.bucket, "versioningConfiguration": {"status": "Enabled"}},
        updates={"versioningConfiguration": {"status": "Suspended"}},
        drift=drift,
        stays=True,
    )


@sample("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
def bucket_encryption(scene: Scene) -> Sample:
    def rules(algorithm: str, **more: Any) -> list[Any]:
        return [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm, **more}, "bucketKeyEnabled": True}]

    def drift(id_: str) -> Properties:
        scene.client("s3").put_bucket_encryption(
            Bucket=id_,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "b"},
                        "BucketKeyEnabled": False,
                    }
                ]
            },
        )
        changed = rules("aws:kms", kmsMasterKeyId="b")
        changed[0]["bucketKeyEnabled"] = False
        return {"rules": changed}

    return Sample(
        {"bucket": scene.bucket, "rules": rules("aws:kms", kmsMasterKeyId="a")},
        updates={"rules": rules("aws:kms:dsse", kmsMasterKeyId="c")},
        drift=drift,
    )


@sample("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
def bucket_public_access_block(scene: Scene) -> Sample:
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

    def drift(id_: str) -> None:
        scene.client("s3").delete_public_access_block(Bucket=id_)

    return Sample(
        {"bucket": scene.bucket, **dict.fromkeys(names, True)}, updates=dict.fromkeys(names, False), drift=drift
    )

"""What moto cannot do. Each test pins a row of `offline/README.md`: when it fails, moto has learnt it: drop the row."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from .scene import Scene


def test_moto_does_not_update_the_version_of_a_cluster(scene: Scene) -> None:
    with pytest.raises(ClientError, match="404"):
        scene.client("eks").update_cluster_version(name=scene.cluster, version="1.34")


def test_moto_does_not_tag_node_groups(scene: Scene) -> None:
    eks = scene.client("eks")
    name = scene.name()
    group = eks.create_nodegroup(
        clusterName=scene.cluster, nodegroupName=name, nodeRole=scene.role_arn, subnets=scene.subnets[:2]
    )["nodegroup"]

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        eks.tag_resource(resourceArn=group["nodegroupArn"], tags={"a": "1"})


def test_moto_loses_a_database_subnet_group_that_is_modified(scene: Scene) -> None:
    rds, name = scene.client("rds"), scene.database_subnets
    rds.modify_db_subnet_group(DBSubnetGroupName=name, SubnetIds=scene.subnets)

    with pytest.raises(ClientError, match="DBSubnetGroupNotFoundFault"):
        rds.describe_db_subnet_groups(DBSubnetGroupName=name)


def test_moto_does_not_change_the_group_that_a_rule_names(scene: Scene) -> None:
    ec2, group = scene.client("ec2"), scene.security_group
    old, new = scene.make_security_group(), scene.make_security_group()
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": old}]}
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    rule_id = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "ReferencedGroupId": new}
    changes = [{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}]
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=changes)

    [after] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    assert after.get("ReferencedGroupInfo", {}).get("GroupId") != new


def test_moto_changes_the_protocol_of_a_network_listener_to_tcp_only(scene: Scene) -> None:
    elb = scene.client("elbv2")
    actions = [{"Type": "forward", "TargetGroupArn": scene.make_target_group()}]
    listener = elb.create_listener(
        LoadBalancerArn=scene.network_load_balancer, Port=80, Protocol="TCP", DefaultActions=actions
    )["Listeners"][0]["ListenerArn"]

    with pytest.raises(ClientError, match="UnsupportedProtocol"):
        elb.modify_listener(ListenerArn=listener, Protocol="UDP")


def test_moto_deletes_a_protected_load_balancer(scene: Scene) -> None:
    elb, arn = scene.client("elbv2"), scene.load_balancer
    protection = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protection)

    elb.delete_load_balancer(LoadBalancerArn=arn)

    with pytest.raises(ClientError, match="LoadBalancerNotFound"):
        elb.describe_load_balancers(LoadBalancerArns=[arn])


def test_moto_takes_values_that_aws_refuses(scene: Scene) -> None:
    logs, group = scene.client("logs"), scene.name()
    logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=2)
    scene.client("s3").create_bucket(Bucket=scene.name("Upper"))
    scene.client("iam").create_role(RoleName=scene.name(), AssumeRolePolicyDocument="not a policy")
    scene.client("elbv2").create_load_balancer(Name=scene.name("n" * 40), Subnets=scene.subnets[:1])
    cluster = scene.client("eks").create_cluster(
        name=scene.name(), version="9.99", roleArn=scene.role_arn, resourcesVpcConfig={"subnetIds": scene.subnets[:2]}
    )
    database = scene.client("rds").create_db_instance(
        DBInstanceIdentifier=scene.name(), Engine="postgres", EngineVersion="99", DBInstanceClass="nonsense"
    )

    assert cluster["cluster"]["version"] == "9.99"
    assert database["DBInstance"]["EngineVersion"] == "99"

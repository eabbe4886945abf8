"""Networks: VPCs, subnets, routes and security groups."""

from __future__ import annotations

from typing import Any, ClassVar

from offline.aws.cloud import Cloud, Missing
from offline.aws.resource import Properties, ResourceType, from_tag_list, removed_tags, to_tag_list


class _TaggedEc2(ResourceType):
    """An EC2 resource: tagged when it is created, re-tagged in place."""

    kind: ClassVar[str]
    """The resource type's name in a tag specification."""

    def tag_specifications(self, inputs: Properties) -> list[dict[str, Any]] | None:
        tags = to_tag_list(inputs.get("tags"))
        return [{"ResourceType": self.kind, "Tags": tags}] if tags else None

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        if removed := removed_tags(old, new):
            cloud.call("ec2", "delete_tags", Resources=[resource_id], Tags=[{"Key": key} for key in removed])
        if tags := to_tag_list(new.get("tags")):
            cloud.call("ec2", "create_tags", Resources=[resource_id], Tags=tags)


class Vpc(_TaggedEc2):
    token = "aws:ec2/vpc:Vpc"
    kind = "vpc"
    replaces = frozenset({"cidrBlock"})
    updates = frozenset({"enableDnsHostnames", "enableDnsSupport", "tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        vpc = cloud.call(
            "ec2", "create_vpc", CidrBlock=inputs["cidrBlock"], TagSpecifications=self.tag_specifications(inputs)
        )
        vpc_id: str = vpc["Vpc"]["VpcId"]
        return vpc_id

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        self._set_dns(cloud, resource_id, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        vpc = cloud.call("ec2", "describe_vpcs", VpcIds=[resource_id])["Vpcs"][0]

        def attribute(name: str) -> bool:
            answer = cloud.call("ec2", "describe_vpc_attribute", VpcId=resource_id, Attribute=name)
            value: bool = answer[name[0].upper() + name[1:]]["Value"]
            return value

        return {
            "arn": f"arn:aws:ec2:{cloud.region}:{vpc['OwnerId']}:vpc/{resource_id}",
            "cidrBlock": vpc["CidrBlock"],
            "enableDnsHostnames": attribute("enableDnsHostnames"),
            "enableDnsSupport": attribute("enableDnsSupport"),
            "tags": from_tag_list(vpc.get("Tags")),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        super().update(cloud, resource_id, old, new)
        self._set_dns(cloud, resource_id, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("ec2", "delete_vpc", VpcId=resource_id)

    def _set_dns(self, cloud: Cloud, vpc_id: str, inputs: Properties) -> None:
        # One attribute a call is the API's rule; AWS's own defaults differ between the two.
        for name, default in (("enableDnsSupport", True), ("enableDnsHostnames", False)):
            argument = name[0].upper() + name[1:]
            value = inputs.get(name, default)
            cloud.call("ec2", "modify_vpc_attribute", VpcId=vpc_id, **{argument: {"Value": value}})


class Subnet(_TaggedEc2):
    token = "aws:ec2/subnet:Subnet"
    kind = "subnet"
    replaces = frozenset({"availabilityZone", "cidrBlock", "vpcId"})
    updates = frozenset({"mapPublicIpOnLaunch", "tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        subnet = cloud.call(
            "ec2",
            "create_subnet",
            VpcId=inputs["vpcId"],
            CidrBlock=inputs.get("cidrBlock"),
            AvailabilityZone=inputs.get("availabilityZone"),
            TagSpecifications=self.tag_specifications(inputs),
        )
        subnet_id: str = subnet["Subnet"]["SubnetId"]
        return subnet_id

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        self._set_public_ip(cloud, resource_id, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        subnet = cloud.call("ec2", "describe_subnets", SubnetIds=[resource_id])["Subnets"][0]
        return {
            "arn": subnet["SubnetArn"],
            "availabilityZone": subnet["AvailabilityZone"],
            "cidrBlock": subnet["CidrBlock"],
            "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
            "tags": from_tag_list(subnet.get("Tags")),
            "vpcId": subnet["VpcId"],
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        super().update(cloud, resource_id, old, new)
        self._set_public_ip(cloud, resource_id, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("ec2", "delete_subnet", SubnetId=resource_id)

    def _set_public_ip(self, cloud: Cloud, subnet_id: str, inputs: Properties) -> None:
        value = inputs.get("mapPublicIpOnLaunch", False)
        cloud.call("ec2", "modify_subnet_attribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": value})


class InternetGateway(_TaggedEc2):
    token = "aws:ec2/internetGateway:InternetGateway"
    kind = "internet-gateway"
    replaces = frozenset({"vpcId"})
    updates = frozenset({"tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        gateway = cloud.call("ec2", "create_internet_gateway", TagSpecifications=self.tag_specifications(inputs))
        gateway_id: str = gateway["InternetGateway"]["InternetGatewayId"]
        return gateway_id

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        if inputs.get("vpcId"):
            cloud.call("ec2", "attach_internet_gateway", InternetGatewayId=resource_id, VpcId=inputs["vpcId"])

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        answer = cloud.call("ec2", "describe_internet_gateways", InternetGatewayIds=[resource_id])
        gateway = answer["InternetGateways"][0]
        attachments = gateway["Attachments"]
        return {
            "arn": f"arn:aws:ec2:{cloud.region}:{gateway['OwnerId']}:internet-gateway/{resource_id}",
            "tags": from_tag_list(gateway.get("Tags")),
            "vpcId": attachments[0]["VpcId"] if attachments else "",
        }

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        if attached_to := self.read(cloud, resource_id)["vpcId"]:
            cloud.call("ec2", "detach_internet_gateway", InternetGatewayId=resource_id, VpcId=attached_to)
        cloud.call("ec2", "delete_internet_gateway", InternetGatewayId=resource_id)


class RouteTable(_TaggedEc2):
    token = "aws:ec2/routeTable:RouteTable"
    kind = "route-table"
    replaces = frozenset({"vpcId"})
    updates = frozenset({"tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        table = cloud.call(
            "ec2", "create_route_table", VpcId=inputs["vpcId"], TagSpecifications=self.tag_specifications(inputs)
        )
        table_id: str = table["RouteTable"]["RouteTableId"]
        return table_id

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        table = _describe_route_table(cloud, resource_id)
        return {"tags": from_tag_list(table.get("Tags")), "vpcId": table["VpcId"]}

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("ec2", "delete_route_table", RouteTableId=resource_id)


class Route(ResourceType):
    """A route to an internet gateway; the id is `TABLE_DESTINATION`."""

    token = "aws:ec2/route:Route"
    replaces = frozenset({"destinationCidrBlock", "gatewayId", "routeTableId"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call(
            "ec2",
            "create_route",
            RouteTableId=inputs["routeTableId"],
            DestinationCidrBlock=inputs["destinationCidrBlock"],
            GatewayId=inputs["gatewayId"],
        )
        return f"{inputs['routeTableId']}_{inputs['destinationCidrBlock']}"

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        table_id, destination = resource_id.split("_", 1)
        for route in _describe_route_table(cloud, table_id)["Routes"]:
            if route.get("DestinationCidrBlock") == destination:
                return {
                    "destinationCidrBlock": destination,
                    "gatewayId": route.get("GatewayId", ""),
                    "routeTableId": table_id,
                }
        raise Missing(resource_id)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        table_id, destination = resource_id.split("_", 1)
        cloud.call("ec2", "delete_route", RouteTableId=table_id, DestinationCidrBlock=destination)


class RouteTableAssociation(ResourceType):
    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    replaces = frozenset({"routeTableId", "subnetId"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        association = cloud.call(
            "ec2", "associate_route_table", RouteTableId=inputs["routeTableId"], SubnetId=inputs["subnetId"]
        )
        association_id: str = association["AssociationId"]
        return association_id

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        filters = [{"Name": "association.route-table-association-id", "Values": [resource_id]}]
        for table in cloud.call("ec2", "describe_route_tables", Filters=filters)["RouteTables"]:
            for association in table["Associations"]:
                if association["RouteTableAssociationId"] == resource_id:
                    return {"routeTableId": table["RouteTableId"], "subnetId": association["SubnetId"]}
        raise Missing(resource_id)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("ec2", "disassociate_route_table", AssociationId=resource_id)


class SecurityGroup(_TaggedEc2):
    """A security group without rules: they are resources of their own."""

    token = "aws:ec2/securityGroup:SecurityGroup"
    kind = "security-group"
    name_property = "name"
    name_limit = 255
    replaces = frozenset({"description", "name", "vpcId"})
    updates = frozenset({"tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        group = cloud.call(
            "ec2",
            "create_security_group",
            GroupName=inputs["name"],
            Description=inputs.get("description", "Managed by Pulumi"),
            VpcId=inputs.get("vpcId"),
            TagSpecifications=self.tag_specifications(inputs),
        )
        group_id: str = group["GroupId"]
        return group_id

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        # AWS adds a rule that lets everything out; the real provider takes it away, so that rules are the program's.
        for rule in _describe_rules(cloud, [{"Name": "group-id", "Values": [resource_id]}]):
            cloud.call(
                "ec2",
                "revoke_security_group_egress",
                GroupId=resource_id,
                SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]],
            )

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        group = cloud.call("ec2", "describe_security_groups", GroupIds=[resource_id])["SecurityGroups"][0]
        return {
            "arn": f"arn:aws:ec2:{cloud.region}:{group['OwnerId']}:security-group/{resource_id}",
            "description": group["Description"],
            "name": group["GroupName"],
            "tags": from_tag_list(group.get("Tags")),
            "vpcId": group.get("VpcId", ""),
        }

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("ec2", "delete_security_group", GroupId=resource_id)


class _SecurityGroupRule(_TaggedEc2):
    """One rule. A change is an update on AWS and a replacement here: moto spoils modified rules that name a group."""

    kind = "security-group-rule"
    direction: ClassVar[str]
    replaces = frozenset(
        {
            "cidrIpv4",
            "description",
            "fromPort",
            "ipProtocol",
            "referencedSecurityGroupId",
            "securityGroupId",
            "toPort",
        }
    )
    updates = frozenset({"tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        note = {"Description": inputs["description"]} if inputs.get("description") else {}
        permission: dict[str, Any] = {"IpProtocol": inputs["ipProtocol"]}
        if inputs.get("fromPort") is not None:
            permission |= {"FromPort": inputs["fromPort"], "ToPort": inputs["toPort"]}
        if inputs.get("cidrIpv4"):
            permission["IpRanges"] = [{"CidrIp": inputs["cidrIpv4"], **note}]
        if inputs.get("referencedSecurityGroupId"):
            permission["UserIdGroupPairs"] = [{"GroupId": inputs["referencedSecurityGroupId"], **note}]
        answer = cloud.call(
            "ec2",
            f"authorize_security_group_{self.direction}",
            GroupId=inputs["securityGroupId"],
            IpPermissions=[permission],
            TagSpecifications=self.tag_specifications(inputs),
        )
        rule_id: str = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return rule_id

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        rules = _describe_rules(cloud, [{"Name": "security-group-rule-id", "Values": [resource_id]}])
        if not rules:
            raise Missing(resource_id)
        rule = rules[0]
        return {
            "arn": f"arn:aws:ec2:{cloud.region}:{cloud.account}:security-group-rule/{resource_id}",
            "cidrIpv4": rule.get("CidrIpv4"),
            "description": rule.get("Description"),
            "fromPort": rule.get("FromPort"),
            "ipProtocol": rule["IpProtocol"],
            "referencedSecurityGroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
            "securityGroupId": rule["GroupId"],
            "tags": from_tag_list(rule.get("Tags")),
            "toPort": rule.get("ToPort"),
        }

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call(
            "ec2",
            f"revoke_security_group_{self.direction}",
            GroupId=state["securityGroupId"],
            SecurityGroupRuleIds=[resource_id],
        )


class SecurityGroupIngressRule(_SecurityGroupRule):
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    direction = "ingress"


class SecurityGroupEgressRule(_SecurityGroupRule):
    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    direction = "egress"


def _describe_route_table(cloud: Cloud, table_id: str) -> dict[str, Any]:
    table: dict[str, Any] = cloud.call("ec2", "describe_route_tables", RouteTableIds=[table_id])["RouteTables"][0]
    return table


def _describe_rules(cloud: Cloud, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = cloud.call("ec2", "describe_security_group_rules", Filters=filters)[
        "SecurityGroupRules"
    ]
    return rules

"""Identity: IAM roles and the policies attached to them."""

from __future__ import annotations

import json

from offline.aws.cloud import Cloud, Missing
from offline.aws.resource import Properties, ResourceType, from_tag_list, removed_tags, to_tag_list


class Role(ResourceType):
    token = "aws:iam/role:Role"
    name_property = "name"
    name_limit = 64
    replaces = frozenset({"name"})
    updates = frozenset({"assumeRolePolicy", "description", "tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call(
            "iam",
            "create_role",
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Description=inputs.get("description"),
            Tags=to_tag_list(inputs.get("tags")),
        )
        name: str = inputs["name"]
        return name

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        role = cloud.call("iam", "get_role", RoleName=resource_id)["Role"]
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "description": role.get("Description"),
            "name": resource_id,
            "tags": from_tag_list(role.get("Tags")),
            "uniqueId": role["RoleId"],
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        if old.get("assumeRolePolicy") != new["assumeRolePolicy"]:
            cloud.call("iam", "update_assume_role_policy", RoleName=resource_id, PolicyDocument=new["assumeRolePolicy"])
        if old.get("description") != new.get("description"):
            cloud.call("iam", "update_role", RoleName=resource_id, Description=new.get("description", ""))
        if removed := removed_tags(old, new):
            cloud.call("iam", "untag_role", RoleName=resource_id, TagKeys=removed)
        if tags := to_tag_list(new.get("tags")):
            cloud.call("iam", "tag_role", RoleName=resource_id, Tags=tags)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("iam", "delete_role", RoleName=resource_id)


class RolePolicyAttachment(ResourceType):
    """A managed policy attached to a role; the id is `ROLE/POLICY_ARN`."""

    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    replaces = frozenset({"policyArn", "role"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call("iam", "attach_role_policy", RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}/{inputs['policyArn']}"

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        role, arn = resource_id.split("/", 1)
        attached = cloud.call("iam", "list_attached_role_policies", RoleName=role)["AttachedPolicies"]
        if arn not in [policy["PolicyArn"] for policy in attached]:
            raise Missing(resource_id)
        return {"policyArn": arn, "role": role}

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("iam", "detach_role_policy", RoleName=state["role"], PolicyArn=state["policyArn"])

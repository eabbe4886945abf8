"""What operators look into: secrets (created empty) and log groups."""

from __future__ import annotations

from offline.aws.cloud import Cloud, Missing
from offline.aws.resource import Properties, ResourceType, from_tag_list, removed_tags, to_tag_list


class Secret(ResourceType):
    """A secret without a value: a playbook fills it, so that no value enters Pulumi's state. The id is its ARN."""

    token = "aws:secretsmanager/secret:Secret"
    name_property = "name"
    name_limit = 512
    replaces = frozenset({"name"})
    # How long a deleted secret can be restored is kept in the state only; AWS does not know it.
    updates = frozenset({"description", "recoveryWindowInDays", "tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        secret = cloud.call(
            "secretsmanager",
            "create_secret",
            Name=inputs["name"],
            Description=inputs.get("description"),
            Tags=to_tag_list(inputs.get("tags")),
        )
        arn: str = secret["ARN"]
        return arn

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        secret = cloud.call("secretsmanager", "describe_secret", SecretId=resource_id)
        if secret.get("DeletedDate"):
            raise Missing(resource_id)
        return {
            "arn": resource_id,
            "description": secret.get("Description"),
            "name": secret["Name"],
            "tags": from_tag_list(secret.get("Tags")),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        if old.get("description") != new.get("description"):
            description = new.get("description", "")
            cloud.call("secretsmanager", "update_secret", SecretId=resource_id, Description=description)
        if removed := removed_tags(old, new):
            cloud.call("secretsmanager", "untag_resource", SecretId=resource_id, TagKeys=removed)
        if tags := to_tag_list(new.get("tags")):
            cloud.call("secretsmanager", "tag_resource", SecretId=resource_id, Tags=tags)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        self.read(cloud, resource_id)  # one that waits for its deletion is gone for Pulumi
        days = state.get("recoveryWindowInDays", 30)
        how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        cloud.call("secretsmanager", "delete_secret", SecretId=resource_id, **how)


class LogGroup(ResourceType):
    token = "aws:cloudwatch/logGroup:LogGroup"
    name_property = "name"
    name_limit = 512
    replaces = frozenset({"name"})
    updates = frozenset({"retentionInDays", "tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        name: str = inputs["name"]
        cloud.call("logs", "create_log_group", logGroupName=name, tags=inputs.get("tags") or None)
        return name

    def complete(self, cloud: Cloud, resource_id: str, inputs: Properties) -> None:
        self._set_retention(cloud, resource_id, inputs)

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        groups = cloud.call("logs", "describe_log_groups", logGroupNamePrefix=resource_id)["logGroups"]
        for group in groups:
            if group["logGroupName"] == resource_id:
                arn = group["arn"].removesuffix(":*")
                return {
                    "arn": arn,
                    "name": resource_id,
                    "retentionInDays": group.get("retentionInDays", 0),
                    "tags": cloud.call("logs", "list_tags_for_resource", resourceArn=arn)["tags"],
                }
        raise Missing(resource_id)

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        self._set_retention(cloud, resource_id, new)
        arn = self.read(cloud, resource_id)["arn"]
        if removed := removed_tags(old, new):
            cloud.call("logs", "untag_resource", resourceArn=arn, tagKeys=removed)
        if new.get("tags"):
            cloud.call("logs", "tag_resource", resourceArn=arn, tags=new["tags"])

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("logs", "delete_log_group", logGroupName=resource_id)

    def _set_retention(self, cloud: Cloud, name: str, inputs: Properties) -> None:
        if days := inputs.get("retentionInDays"):
            cloud.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
        else:
            cloud.call("logs", "delete_retention_policy", logGroupName=name)

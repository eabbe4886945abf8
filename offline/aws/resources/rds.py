"""The database instance and its subnet group."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from offline.aws.cloud import Cloud, Denied
from offline.aws.resource import Properties, ResourceType, from_tag_list, removed_tags, to_tag_list


class SubnetGroup(ResourceType):
    """Where a database may live. Only tags change in place here: moto's ModifyDBSubnetGroup loses the group."""

    token = "aws:rds/subnetGroup:SubnetGroup"
    name_property = "name"
    name_limit = 255
    name_is_lower_case = True
    replaces = frozenset({"description", "name", "subnetIds"})
    updates = frozenset({"tags"})

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call(
            "rds",
            "create_db_subnet_group",
            DBSubnetGroupName=inputs["name"],
            DBSubnetGroupDescription=inputs.get("description", "Managed by Pulumi"),
            SubnetIds=inputs["subnetIds"],
            Tags=to_tag_list(inputs.get("tags")),
        )
        name: str = inputs["name"]
        return name

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        answer = cloud.call("rds", "describe_db_subnet_groups", DBSubnetGroupName=resource_id)
        group = answer["DBSubnetGroups"][0]
        return {
            "arn": group["DBSubnetGroupArn"],
            "description": group["DBSubnetGroupDescription"],
            "name": resource_id,
            "subnetIds": [subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
            "tags": _read_tags(cloud, group["DBSubnetGroupArn"]),
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        _retag(cloud, self.read(cloud, resource_id)["arn"], old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        cloud.call("rds", "delete_db_subnet_group", DBSubnetGroupName=resource_id)


class Instance(ResourceType):
    """A database instance whose master password AWS keeps in Secrets Manager: no password passes through here."""

    token = "aws:rds/instance:Instance"
    name_property = "identifier"
    name_is_lower_case = True
    replaces = frozenset({"dbName", "dbSubnetGroupName", "engine", "identifier", "storageEncrypted", "username"})
    # What says how to delete it is kept in the state only; AWS does not know it.
    deletion = frozenset({"finalSnapshotIdentifier", "skipFinalSnapshot"})
    changes = MappingProxyType(
        {
            "allocatedStorage": "AllocatedStorage",
            "backupRetentionPeriod": "BackupRetentionPeriod",
            "deletionProtection": "DeletionProtection",
            "engineVersion": "EngineVersion",
            "instanceClass": "DBInstanceClass",
            "manageMasterUserPassword": "ManageMasterUserPassword",
            "multiAz": "MultiAZ",
            "publiclyAccessible": "PubliclyAccessible",
            "vpcSecurityGroupIds": "VpcSecurityGroupIds",
        }
    )
    updates = frozenset(changes) | deletion | {"tags"}

    def create(self, cloud: Cloud, inputs: Properties) -> str:
        cloud.call(
            "rds",
            "create_db_instance",
            DBInstanceIdentifier=inputs["identifier"],
            DBName=inputs.get("dbName"),
            DBSubnetGroupName=inputs.get("dbSubnetGroupName"),
            Engine=inputs["engine"],
            MasterUsername=inputs.get("username"),
            StorageEncrypted=inputs.get("storageEncrypted"),
            Tags=to_tag_list(inputs.get("tags")),
            **{argument: inputs.get(name) for name, argument in self.changes.items()},
        )
        identifier: str = inputs["identifier"]
        return identifier

    def read(self, cloud: Cloud, resource_id: str) -> Properties:
        answer = cloud.call("rds", "describe_db_instances", DBInstanceIdentifier=resource_id)
        database = answer["DBInstances"][0]
        endpoint = database.get("Endpoint", {})
        return {
            **{name: database.get(argument) for name, argument in self.changes.items()},
            "address": endpoint.get("Address"),
            "arn": database["DBInstanceArn"],
            "dbName": database.get("DBName"),
            "dbSubnetGroupName": database.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
            "engine": database["Engine"],
            "identifier": resource_id,
            "manageMasterUserPassword": bool(database.get("MasterUserSecret")),
            "masterUserSecrets": [
                {"secretArn": secret["SecretArn"], "secretStatus": secret.get("SecretStatus")}
                for secret in [database.get("MasterUserSecret")]
                if secret
            ],
            "port": endpoint.get("Port"),
            "storageEncrypted": database.get("StorageEncrypted"),
            "tags": _read_tags(cloud, database["DBInstanceArn"]),
            "username": database.get("MasterUsername"),
            "vpcSecurityGroupIds": [group["VpcSecurityGroupId"] for group in database.get("VpcSecurityGroups", [])],
        }

    def update(self, cloud: Cloud, resource_id: str, old: Properties, new: Properties) -> None:
        # Only what differs: naming the password's management again makes AWS's simulation change the password. A switch
        # that the program no longer sets goes back to AWS's default; anything else stays as it is, as on AWS.
        wanted = {"deletionProtection": False, "publiclyAccessible": False, **new}
        changes = {
            argument: wanted[name]
            for name, argument in self.changes.items()
            if wanted.get(name) is not None and wanted[name] != old.get(name)
        }
        if changes:
            cloud.call("rds", "modify_db_instance", DBInstanceIdentifier=resource_id, ApplyImmediately=True, **changes)
        _retag(cloud, self.read(cloud, resource_id)["arn"], old, new)

    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        how: dict[str, Any] = {"SkipFinalSnapshot": True}
        if not state.get("skipFinalSnapshot"):
            if not state.get("finalSnapshotIdentifier"):
                raise Denied("finalSnapshotIdentifier is required unless skipFinalSnapshot is set")
            how = {"FinalDBSnapshotIdentifier": state["finalSnapshotIdentifier"]}
        cloud.call("rds", "delete_db_instance", DBInstanceIdentifier=resource_id, **how)


def _read_tags(cloud: Cloud, arn: str) -> dict[str, str]:
    return from_tag_list(cloud.call("rds", "list_tags_for_resource", ResourceName=arn)["TagList"])


def _retag(cloud: Cloud, arn: str, old: Properties, new: Properties) -> None:
    if removed := removed_tags(old, new):
        cloud.call("rds", "remove_tags_from_resource", ResourceName=arn, TagKeys=removed)
    if tags := to_tag_list(new.get("tags")):
        cloud.call("rds", "add_tags_to_resource", ResourceName=arn, Tags=tags)

"""The billing database: where the ledger lives."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.settings import DatabaseSettings


class BillingDatabase(pulumi.ComponentResource):
    """Postgres on RDS: encrypted, not reachable from the internet; AWS keeps its master password, nobody sees it."""

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        subnet_ids: Sequence[pulumi.Input[str]],
        security_group_id: pulumi.Input[str],
        deletion_protection: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the database named in `settings`.

        Args:
            settings: size, version and backups.
            subnet_ids: database subnets in at least two zones.
            security_group_id: who may connect.
            deletion_protection: AWS refuses to delete it, and a deletion that was allowed leaves a last snapshot.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:BillingDatabase", settings.name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        subnets = aws.rds.SubnetGroup(settings.name, subnet_ids=list(subnet_ids), opts=own)
        self.instance = aws.rds.Instance(
            settings.name,
            engine="postgres",
            engine_version=settings.engine_version,
            instance_class=settings.instance_class,
            allocated_storage=settings.storage_gib,
            db_name=settings.name,
            username="faregate_admin",
            manage_master_user_password=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[security_group_id],
            publicly_accessible=False,
            storage_encrypted=True,
            multi_az=settings.multi_zone,
            backup_retention_period=settings.backup_days,
            deletion_protection=deletion_protection,
            skip_final_snapshot=not deletion_protection,
            # Where one of that name is left already, AWS refuses the deletion and nothing is lost.
            final_snapshot_identifier=f"{pulumi.get_project()}-{pulumi.get_stack()}-{settings.name}-final",
            opts=own,
        )
        self.register_outputs({"identifier": self.instance.identifier})

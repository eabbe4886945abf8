"""The secrets of an environment, created empty: a playbook fills them, so no value enters Pulumi's state."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi
import pulumi_aws as aws


class SecretStore(pulumi.ComponentResource):
    """One secret for each role that needs one."""

    def __init__(
        self, name: str, *, roles: Iterable[str], recovery_days: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the secrets.

        Args:
            name: logical name.
            roles: what each secret is for; names as in the environment contract.
            recovery_days: how long a deleted secret can be restored: 0, or 7 to 30.
            opts: options; must bring the AWS provider.
        """
        super().__init__("faregate:infra:SecretStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.secrets = {
            role: aws.secretsmanager.Secret(role.replace("_", "-"), recovery_window_in_days=recovery_days, opts=own)
            for role in roles
        }
        self.names = {role: secret.name for role, secret in self.secrets.items()}
        self.register_outputs({"names": self.names})

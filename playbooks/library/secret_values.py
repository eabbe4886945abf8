#!/usr/bin/python
"""Ansible module: the values of secrets in AWS Secrets Manager that exist already, filled or still empty.

`community.aws.secretsmanager_secret` creates secrets and their values together; it fails on a secret that Pulumi
created empty.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: secret_values
short_description: Set the values of existing secrets in AWS Secrets Manager
description:
  - Puts a new version of a value unless the current one is the same. The secrets themselves are never created or
    changed.
options:
  values:
    description: Values by the name or ARN of their secret.
    type: dict
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
author: Faregate
"""

EXAMPLES = r"""
- name: Give the gateway its password
  secret_values:
    values:
      faregate-prod-billing-database-gateway: "{{ password }}"
  no_log: true
"""

RETURN = r"""
filled:
  description: Names of the secrets whose value changed.
  type: list
  elements: str
  returned: always
"""


def main() -> None:
    arguments = {"values": {"type": "dict", "required": True, "no_log": True}}
    module = AnsibleAWSModule(argument_spec=arguments, supports_check_mode=True)
    client = module.client("secretsmanager")
    filled = []
    for name, value in module.params["values"].items():
        try:
            if _read_current(client, name) == value:
                continue
            if not module.check_mode:
                client.put_secret_value(SecretId=name, SecretString=value)
        except (BotoCoreError, ClientError) as error:
            module.fail_json_aws(error, msg=f"setting the value of secret {name} failed")
        filled.append(name)
    module.exit_json(changed=bool(filled), filled=filled)


def _read_current(client: Any, name: str) -> str | None:
    """Return the value that the secret has now, nothing if it is empty.

    Whether there is a value is asked of the secret first: reading one that is not there and reading one of a secret
    that does not exist fail with the same code.
    """
    described = client.describe_secret(SecretId=name)
    stages = (described.get("VersionIdsToStages") or {}).values()
    if not any("AWSCURRENT" in stage for stage in stages):
        return None
    value: str | None = client.get_secret_value(SecretId=name).get("SecretString")
    return value


if __name__ == "__main__":
    main()

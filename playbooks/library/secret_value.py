#!/usr/bin/python
"""Ansible module: the value of a secret in AWS Secrets Manager that exists already, filled or still empty.

`community.aws.secretsmanager_secret` creates secrets and their values together; it fails on a secret that Pulumi
created empty.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: secret_value
short_description: Set the value of an existing secret in AWS Secrets Manager
description:
  - Puts a new version of the value unless the current one is the same. The secret itself is never created or changed.
options:
  name:
    description: Name or ARN of the secret.
    type: str
    required: true
  value:
    description: The value.
    type: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
author: Faregate
"""

EXAMPLES = r"""
- name: Give the gateway its password
  secret_value:
    name: faregate-prod-billing-database-gateway
    value: "{{ password }}"
  no_log: true
"""

RETURN = r"""
version_id:
  description: Version that holds the value.
  type: str
  returned: always, but for a change in check mode
"""


def main() -> None:
    arguments = {
        "name": {"type": "str", "required": True},
        "value": {"type": "str", "required": True, "no_log": True},
    }
    module = AnsibleAWSModule(argument_spec=arguments, supports_check_mode=True)
    try:
        client = module.client("secretsmanager")
        version, value = _read_current(client, module.params["name"])
        changed = value != module.params["value"]
        if changed and not module.check_mode:
            answer = client.put_secret_value(SecretId=module.params["name"], SecretString=module.params["value"])
            version = answer["VersionId"]
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"setting the value of secret {module.params['name']} failed")
    module.exit_json(changed=changed, version_id=version)


def _read_current(client: Any, name: str) -> tuple[str | None, str | None]:
    """Return the version and the value that the secret has now, neither if it is empty.

    Whether there is a value is asked of the secret first: reading one that is not there and reading one of a secret
    that does not exist fail with the same code.
    """
    described = client.describe_secret(SecretId=name)
    stages = (described.get("VersionIdsToStages") or {}).values()
    if not any("AWSCURRENT" in stage for stage in stages):
        return None, None
    current = client.get_secret_value(SecretId=name)
    return current["VersionId"], current.get("SecretString")


if __name__ == "__main__":
    main()

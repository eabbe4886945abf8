"""Roles that AWS services assume. A function, not a component: it adds no meaning of its own to the tree."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


def make_service_role(
    name: str, *, service: str, policies: Sequence[str], opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Return a role that `service` may assume, and what must exist before the role is of use.

    Args:
        name: logical name.
        service: AWS service principal, like `eks.amazonaws.com`.
        policies: names of AWS managed policies.
        opts: options; must bring the AWS provider or a parent.
    """
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    role = aws.iam.Role(name, assume_role_policy=json.dumps(trust), opts=opts)
    attachments: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=opts
        )
        for policy in policies
    ]
    return role, attachments

"""The log group of the services. A function, not a component: it is one resource."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def make_log_group(name: str, *, retention_days: int, opts: pulumi.ResourceOptions) -> aws.cloudwatch.LogGroup:
    """Return a log group that forgets lines after `retention_days`."""
    return aws.cloudwatch.LogGroup(name, retention_in_days=retention_days, opts=opts)

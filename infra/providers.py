"""The providers that every resource names: one AWS account and region, one cluster."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from contract.instance import Instance
from infra.settings import Settings


@dataclasses.dataclass(frozen=True)
class Providers:
    """Both providers; `options` is for resources and components, `invoke_options` for data sources."""

    aws: aws.Provider
    kubernetes: kubernetes.Provider

    @property
    def options(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(providers=[self.aws, self.kubernetes])

    @property
    def invoke_options(self) -> pulumi.InvokeOptions:
        return pulumi.InvokeOptions(provider=self.aws)


def make_providers(settings: Settings, environment: str, instance: Instance) -> Providers:
    """Return the providers of a simulated environment: AWS at the simulation, manifests into the instance's folder."""
    tags = {"project": "faregate", "environment": environment, "managed-by": "pulumi"}
    return Providers(
        aws=aws.Provider(
            "aws",
            region=settings.region,
            allowed_account_ids=[settings.account],
            default_tags={"tags": tags},
            # What the official provider would ask of AWS itself; the endpoint comes from AWS_ENDPOINT_URL.
            skip_credentials_validation=True,
            skip_metadata_api_check=True,
            skip_region_validation=True,
            s3_use_path_style=True,
        ),
        kubernetes=kubernetes.Provider("kubernetes", render_yaml_to_directory=str(instance.manifests)),
    )

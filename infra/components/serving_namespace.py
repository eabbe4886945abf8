"""The namespace that serving containers run in, and the most that they may ask for."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from infra.settings import QuotaSettings


class ServingNamespace(pulumi.ComponentResource):
    """A namespace under the restricted Pod Security Standard, with a quota."""

    def __init__(self, name: str, *, quota: QuotaSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the namespace.

        Args:
            name: the namespace's own name.
            quota: pods and GPUs.
            opts: options; must bring the Kubernetes provider.
        """
        super().__init__("faregate:infra:ServingNamespace", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.namespace = kubernetes.core.v1.Namespace(
            name,
            metadata={"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
            opts=own,
        )
        self.name = self.namespace.metadata.name
        kubernetes.core.v1.ResourceQuota(
            name,
            metadata={"name": name, "namespace": self.name},
            spec={"hard": {"pods": str(quota.pods), "requests.nvidia.com/gpu": str(quota.gpus)}},
            opts=own,
        )
        self.register_outputs({"name": self.name})

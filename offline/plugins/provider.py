"""What every resource provider of ours says of itself to the Pulumi engine."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """A provider without resources: its name, its version, and configuration taken as it is."""

    package: ClassVar[str]
    """Pulumi's name for the provider: what comes first in the types of its resources."""
    version: ClassVar[str]
    """Version of the Python SDK whose resources it serves."""
    names_resources: ClassVar[bool] = False
    """Whether names follow the stack's `pulumi:autonaming`."""

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's names
        return provider_pb2.ProviderHandshakeResponse(supports_autonaming_configuration=self.names_resources)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        schema = json.dumps({"name": self.package, "version": self.version})
        return provider_pb2.GetSchemaResponse(schema=schema)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

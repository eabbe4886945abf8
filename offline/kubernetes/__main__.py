"""The plugin executable `pulumi-resource-kubernetes`."""

from __future__ import annotations

from pulumi.runtime.proto import provider_pb2_grpc

from offline.kubernetes.provider import Provider
from offline.plugins.process import serve

serve(lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server))

"""The plugin executable `pulumi-resource-aws`."""

from __future__ import annotations

from typing import Any

from offline.plugins.process import serve


def register(server: Any) -> None:
    from pulumi.runtime.proto import provider_pb2_grpc  # noqa: PLC0415 - see `serve`

    from offline.aws.provider import Provider  # noqa: PLC0415

    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)


if __name__ == "__main__":
    serve(register)

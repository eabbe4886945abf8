"""The plugin executable `pulumi-language-python`; the engine passes its own address last."""

from __future__ import annotations

import sys
from typing import Any

from offline.plugins.process import Leave, serve


def register(server: Any) -> Leave:
    from pulumi.runtime.proto import language_pb2_grpc  # noqa: PLC0415 - see `serve`

    from offline.language.host import Host  # noqa: PLC0415

    host = Host(engine=sys.argv[-1])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    return host.terminate_children


if __name__ == "__main__":
    serve(register)

"""The plugin executable `pulumi-language-python`; the engine passes its own address last."""

from __future__ import annotations

import sys

from pulumi.runtime.proto import language_pb2_grpc

from offline.language.host import Host
from offline.plugins.process import serve

host = Host(engine=sys.argv[-1])
serve(
    lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server),
    on_exit=host.terminate_children,
)

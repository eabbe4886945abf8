"""As much of a Pulumi engine as a program without providers needs: it takes what it is told and keeps what is said."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from offline.plugins.wire import decode

from .client import Properties


@dataclass
class FakeEngine:
    """What a program said and did."""

    address: str = ""
    errors: list[str] = field(default_factory=list)
    outputs: Properties = field(default_factory=dict)
    """The stack's."""


@contextmanager
def run_fake_engine() -> Iterator[FakeEngine]:
    engine = FakeEngine()

    class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
        def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
            return resource_pb2.DeploymentInfo()

        def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
            urn = f"urn:pulumi:stack::project::{request.type}::{request.name}"
            return resource_pb2.RegisterResourceResponse(urn=urn, object=request.object)

        def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
            engine.outputs.update(decode(request.outputs))
            return empty_pb2.Empty()

        def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802
            return empty_pb2.Empty()

    class Engine(engine_pb2_grpc.EngineServicer):
        def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
            if request.severity == engine_pb2.LogSeverity.ERROR:
                engine.errors.append(request.message)
            return empty_pb2.Empty()

        def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
            return engine_pb2.GetRootResourceResponse()

        def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
            return engine_pb2.SetRootResourceResponse()

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(), server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(), server)
    engine.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield engine
    finally:
        server.stop(grace=None).wait()

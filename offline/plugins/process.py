"""The life of a Pulumi plugin process: a gRPC server on loopback whose port is the first line of stdout.

The engine reads that one line and nothing else, and ends its plugins with SIGINT: without a handler every run would
end in a KeyboardInterrupt traceback among the user's diagnostics.
"""

from __future__ import annotations

import concurrent.futures
import os
import signal
from collections.abc import Callable

import grpc

# A whole stack's properties fit in one message.
MAX_MESSAGE_BYTES = 400 * 1024 * 1024


def start_server(register: Callable[[grpc.Server], None], threads: int = 16) -> tuple[grpc.Server, int]:
    """Start a server with the services that `register` adds and return it with its port on 127.0.0.1."""
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(threads),
        options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)],
    )
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve(register: Callable[[grpc.Server], None], on_exit: Callable[[], None] = lambda: None) -> None:
    """Serve until the engine ends this process."""

    def leave(_signal: int, _frame: object) -> None:
        on_exit()
        os._exit(0)

    server, port = start_server(register)
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    print(port, flush=True)
    server.wait_for_termination()

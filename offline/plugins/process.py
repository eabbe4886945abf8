"""The life of a Pulumi plugin process: a gRPC server on loopback whose port is the first line of stdout.

The engine reads that one line and nothing else, and ends its plugins with SIGINT: without a handler every run would
end in a KeyboardInterrupt traceback among the user's diagnostics. An engine that was killed ends nothing, so a plugin
also leaves when its parent is gone.
"""

from __future__ import annotations

import concurrent.futures
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # At run time grpc is imported late, see `serve`.
    import grpc

# A whole stack's properties fit in one message.
MAX_MESSAGE_BYTES = 400 * 1024 * 1024

PARENT_POLL_SECONDS = 1.0

Leave = Callable[[], None]
Register = Callable[["grpc.Server"], Leave | None]
"""Adds services to a server; returns what they have to do before the process ends, if anything."""


def start_server(register: Register, threads: int = 16) -> tuple[grpc.Server, int, Leave | None]:
    """Start a server with the services that `register` adds; return it, its port on 127.0.0.1 and what it returned."""
    import grpc  # noqa: PLC0415

    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(threads),
        options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)],
    )
    before_exit = register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port, before_exit


def serve(register: Register) -> None:
    """Serve until the engine ends this process or is gone itself.

    Both may happen at any time and importing Pulumi's SDK takes a second, so the imports belong into `register`.
    """
    before_exit: Leave | None = None

    def leave() -> None:
        if before_exit is not None:
            before_exit()
        os._exit(0)

    signal.signal(signal.SIGINT, lambda *_: leave())
    signal.signal(signal.SIGTERM, lambda *_: leave())
    watch = threading.Thread(target=_wait_for_another_parent, args=(os.getppid(), leave), daemon=True)
    watch.start()
    server, port, before_exit = start_server(register)
    try:
        print(port, flush=True)
    except BrokenPipeError:  # nobody is left to read it: the engine was gone before the watch began
        leave()
    server.wait_for_termination()


def _wait_for_another_parent(parent: int, then: Leave) -> None:
    """Call `then` once the parent is gone.

    Linux would send a signal (PR_SET_PDEATHSIG), but when the parent's *thread* ends, and threads of Go programs do.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    then()

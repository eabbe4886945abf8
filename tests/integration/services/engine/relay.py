"""A way to the model store on which a test can hold, cut and count what goes over it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Passes bytes between its own port and the store's.

    After `free_bytes` of answers it passes nothing more until `release` is called. It cuts the first `cuts`
    connections whose answer goes over that mark.
    """

    def __init__(self, store_port: int, free_bytes: int, cuts: int = 0) -> None:
        self._store_port = store_port
        self._free_bytes = free_bytes
        self._cuts = cuts
        self._released = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.reached = threading.Event()
        """Set once the mark was reached."""
        self.gets = 0
        """Requests for an object that went over it."""
        if cuts:
            self._released.set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def release(self) -> None:
        self._released.set()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._released.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._store_port)) as store, suppress(OSError):
            threading.Thread(target=self._ask, args=(client, store), daemon=True).start()
            passed = 0
            while answer := store.recv(1 << 16):
                passed += len(answer)
                if passed > self._free_bytes:
                    self.reached.set()
                    if self._cuts > 0:
                        self._cuts -= 1
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    self._released.wait()
                client.sendall(answer)

    def _ask(self, client: socket.socket, store: socket.socket) -> None:
        with suppress(OSError):
            while question := client.recv(1 << 16):
                self.gets += question.count(b"GET /")
                store.sendall(question)


@contextmanager
def run_relay(store_port: int, free_bytes: int, cuts: int = 0) -> Iterator[Relay]:
    relay = Relay(store_port, free_bytes, cuts)
    threading.Thread(target=relay.accept, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()

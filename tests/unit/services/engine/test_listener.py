from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from services.engine import listener
from services.engine.failures import ServingFailed


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Return a socket that listens, and answers each connection with what it said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server.fileno(),), daemon=True).start()
        yield server


def _answer(descriptor: int) -> None:
    """Accept as native code does, on a descriptor that another socket may take over."""
    server = socket.socket(fileno=descriptor)
    try:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()
    except OSError:
        server.detach()


def _echo(connection: socket.socket) -> None:
    with connection:
        while said := connection.recv(100):
            connection.sendall(said)


def test_a_port_is_open_while_this_process_listens_on_it(server: socket.socket) -> None:
    port = server.getsockname()[1]

    assert listener.is_open(port)
    server.shutdown(socket.SHUT_RDWR)
    assert not listener.is_open(port)


def test_a_closed_port_refuses_connections_and_keeps_those_it_has(server: socket.socket) -> None:
    address = server.getsockname()
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"before")
        assert connection.recv(100) == b"before"

        listener.close(address[1])

        assert not listener.is_open(address[1])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=10)
        connection.sendall(b"after")
        assert connection.recv(100) == b"after"


def test_what_listens_can_be_moved_to_an_address_that_refused_until_then(server: socket.socket) -> None:
    before = server.getsockname()
    reserved = listener.reserve("127.0.0.1", 0)
    address = reserved.getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)

    listener.move(before[1], reserved)

    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"moved")
        assert connection.recv(100) == b"moved"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(before, timeout=10)


def test_an_address_that_can_not_be_had_is_refused_by_its_settings(server: socket.socket) -> None:
    port = server.getsockname()[1]

    with pytest.raises(ServingFailed, match=f"^ENGINE_ADDRESS, ENGINE_PORT: given 127.0.0.1, {port}; .*in use"):
        listener.reserve("127.0.0.1", port)
    with pytest.raises(ServingFailed, match=r"given 192\.0\.2\.1, 8000; .*Cannot assign"):
        listener.reserve("192.0.2.1", 8000)


def test_an_address_that_another_took_meanwhile_is_refused(server: socket.socket) -> None:
    reserved = listener.reserve("127.0.0.1", 0)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(reserved.getsockname())
        other.listen()

        with pytest.raises(ServingFailed, match="in use"):
            listener.move(server.getsockname()[1], reserved)


def test_a_port_that_nobody_listens_on_may_be_closed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        listener.close(unused.getsockname()[1])

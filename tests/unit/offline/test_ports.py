"""A port is free or somebody's, and who has it is said by name."""

from __future__ import annotations

import os
import re
import socket

import psutil
import pytest

from offline import ports
from offline.ports import PortTaken, choose_port, is_free

THIS_PROCESS = f"{psutil.Process().name()} (process {os.getpid()})"


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_a_port_is_free_until_something_listens_on_it(listener: socket.socket, closed_port: int) -> None:
    assert is_free(closed_port)
    assert not is_free(port_of(listener))


def test_a_port_that_is_listened_on_at_every_address_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_a_connection_that_lingers_does_not_keep_a_port() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first lingers
            assert client.recv(1) == b""
    assert is_free(port)


def test_a_chosen_port_is_free_and_lies_below_those_of_outgoing_connections() -> None:
    port = choose_port(())
    assert is_free(port)
    first_outgoing = 32768
    assert 1024 < port < first_outgoing


def test_a_taken_or_busy_port_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "CHOICES", range(20000, 20003))
    monkeypatch.setattr(ports, "is_free", lambda port: port != 20000)
    assert {choose_port([20001]) for _ in range(20)} == {20002}


def test_no_free_port_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "CHOICES", range(20000, 20003))
    with pytest.raises(RuntimeError, match="no port from 20000 to 20002 is free"):
        choose_port([20000, 20001, 20002])


def test_a_taken_gateway_port_names_its_owner_and_a_free_port(listener: socket.socket) -> None:
    port = port_of(listener)
    said = str(PortTaken(port, "gateway"))
    found = re.fullmatch(r"(.*); choose another, such as PORT=(\d+)", said)
    assert found is not None, said
    assert found[1] == f"port {port} (gateway) is in use by {THIS_PROCESS}"
    assert is_free(int(found[2]))


def test_another_taken_port_is_not_answered_with_the_gateways_option(listener: socket.socket) -> None:
    port = port_of(listener)
    assert str(PortTaken(port, "simulation")) == (
        f"port {port} (simulation) is in use by {THIS_PROCESS}; "
        "end that, or remove the instance (make down) and make it anew"
    )


def test_a_port_that_an_instance_keeps_names_the_instance(closed_port: int) -> None:
    said = str(PortTaken(closed_port, "gateway", "instance blue (database)"))
    assert said.startswith(f"port {closed_port} (gateway) is kept by instance blue (database); ")


@pytest.mark.parametrize("error", [psutil.AccessDenied(1), psutil.NoSuchProcess(1)])
def test_an_owner_that_may_not_be_known_is_left_out(
    monkeypatch: pytest.MonkeyPatch, closed_port: int, error: psutil.Error
) -> None:
    def refuse(_kind: str) -> None:
        raise error

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert str(PortTaken(closed_port, "gateway")).startswith(f"port {closed_port} (gateway) is in use; ")

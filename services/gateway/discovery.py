"""Finds the replicas: asks the DNS for their addresses and each of them for its health, over and over.

Time to live is ignored, as podman says a day; so is the order of addresses, which is fixed there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence

import aiohttp

from services.gateway import log
from services.gateway.replicas import Replica, Replicas
from services.gateway.settings import Host


class Discovery:
    """Keeps the replicas current."""

    def __init__(
        self,
        replicas: Replicas,
        hosts: Mapping[str, Sequence[Host]],
        session: aiohttp.ClientSession,
        probe_seconds: float,
    ) -> None:
        """Find replicas.

        Args:
            replicas: what is kept current.
            hosts: where the replicas of each model are.
            session: how they are asked.
            probe_seconds: the longest wait for one.
        """
        self._replicas = replicas
        self._hosts = hosts
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=probe_seconds)
        self._resolved: dict[Host, frozenset[str]] = {}
        self._unresolved: set[Host] = set()

    async def look(self) -> None:
        """Look once at everything."""
        await asyncio.gather(*(self._look_at(model, hosts) for model, hosts in self._hosts.items()))

    async def _look_at(self, model: str, hosts: Iterable[Host]) -> None:
        addresses: set[str] = set()
        for host in hosts:
            addresses |= await self._resolve(host)
        self._replicas.replace(model, addresses)
        await asyncio.gather(*(self._probe(model, replica) for replica in self._replicas.list_of(model)))

    async def _resolve(self, host: Host) -> frozenset[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
        except OSError as error:
            # The last good set stays: a DNS that is away says nothing about engines.
            known = self._resolved.get(host, frozenset())
            if host not in self._unresolved:
                log.write("dns_failed", level="warning", host=host.name, reason=str(error), kept=sorted(known))
            self._unresolved.add(host)
            return known
        self._unresolved.discard(host)
        resolved = frozenset(_write_address(family, address[0], host.port) for family, _, _, _, address in found)
        if resolved != self._resolved.get(host):
            log.write("resolved", host=host.name, addresses=sorted(resolved))
        self._resolved[host] = resolved
        return resolved

    async def _probe(self, model: str, replica: Replica) -> None:
        was_up = replica.is_up
        try:
            async with self._session.get(f"{replica.url}/health", timeout=self._timeout) as answer:
                replica.note_answer(answer.status == 200)
        except aiohttp.ClientConnectorError:
            replica.note_refusal()
        except (aiohttp.ClientError, TimeoutError):
            replica.note_silence()
        if replica.is_up != was_up:
            log.write("replica_up" if replica.is_up else "replica_down", model=model, replica=replica.address)


def _write_address(family: socket.AddressFamily, ip: str | int, port: int) -> str:
    return f"[{ip}]:{port}" if family == socket.AF_INET6 else f"{ip}:{port}"

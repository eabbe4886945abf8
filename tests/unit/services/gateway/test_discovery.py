from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest

from services.gateway.discovery import Discovery
from services.gateway.replicas import Replicas
from services.gateway.settings import Host


def test_a_dns_that_fails_leaves_the_last_good_set_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[Any] = [["127.0.0.1"], OSError("no such name"), OSError("no such name"), ["::1", "127.0.0.2"]]

    async def resolve(_: object, __: str, port: int, **___: object) -> list[Any]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answer
        ]

    async def look() -> list[list[str]]:
        monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve)
        replicas = Replicas(["tiny"])
        seen = []
        async with aiohttp.ClientSession() as session:
            discovery = Discovery(replicas, {"tiny": [Host("tiny-v1", 1)]}, session, 1)
            for _ in range(4):
                await discovery.look()
                seen.append([replica.address for replica in replicas.list_of("tiny")])
        return seen

    assert asyncio.run(look()) == [["127.0.0.1:1"]] * 3 + [["127.0.0.2:1", "[::1]:1"]]
    assert capsys.readouterr().out.count('"dns_failed"') == 1

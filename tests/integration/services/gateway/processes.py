"""The gateway as its container starts it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from contract.documents import CATALOG
from offline.ports import choose_port

from .lab import CHAT, PATIENCE_SECONDS, Heard


@dataclass
class Process:
    """A gateway's process; its log is kept in a folder of the test's."""

    process: asyncio.subprocess.Process
    port: int
    operations_port: int
    stdout: Path
    stderr: Path
    session: aiohttp.ClientSession

    @property
    def said(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.read_text().splitlines()]

    def heard_of(self, event: str) -> list[Any]:
        return [line for line in self.said if line["event"] == event]

    async def ask(self, body: Mapping[str, object], key: str) -> Heard:
        headers = {"Authorization": f"Bearer {key}"}
        async with self.session.post(f"http://127.0.0.1:{self.port}{CHAT}", json=body, headers=headers) as answer:
            return Heard(answer.status, answer.headers, await answer.read())

    async def answers(self) -> bool:
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectorError:
            return False

    async def wait_until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.answers():
                assert self.process.returncode is None, self.stderr.read_text()
                await asyncio.sleep(0.02)

    async def wait(self) -> int:
        """Wait for its end; return its exit code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def run_process(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """Start a gateway that knows nothing but `environment`; kill it afterwards if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    port = choose_port(())
    operations_port = choose_port((port,))
    stdout, stderr = folder / "stdout", folder / "stderr"
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "GATEWAY_CATALOG": str(CATALOG),
        "GATEWAY_ADDRESS": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "GATEWAY_OPERATIONS_PORT": str(operations_port),
        **environment,
    }
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "services.gateway", cwd=folder, env=given, stdout=out, stderr=err
        )
    async with aiohttp.ClientSession() as session:
        try:
            yield Process(process, port, operations_port, stdout, stderr, session)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

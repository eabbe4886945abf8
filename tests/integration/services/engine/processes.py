"""The real process under test: an engine, as its container starts it, and how clients talk to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.ports import choose_port
from tests.integration.plugins.processes import PATIENCE_SECONDS, wait_until

ANSWER_SECONDS = 5 * PATIENCE_SECONDS
"""Longest wait for an answer. A client that leaves earlier would free an engine that waits for it to end."""


@dataclass(frozen=True)
class Engine:
    """An engine's process; its log is kept in a folder of the test's."""

    process: subprocess.Popen[bytes]
    port: int
    stdout: Path
    stderr: Path

    @property
    def said(self) -> str:
        return self.stdout.read_text()

    @property
    def complained(self) -> str:
        return self.stderr.read_text()

    def wait_until_it_says(self, line: str) -> None:
        self._wait_until(lambda: line in self.said, f"the engine says {line!r}")

    def wait_until_ready(self) -> None:
        self._wait_until(lambda: self.answers() == 200, "the engine is healthy")

    def answers(self) -> int:
        """Return the status of /health, or 0 where nobody listens."""
        try:
            return self.get("/health")[0]
        except (OSError, http.client.HTTPException):
            return 0

    def get(self, path: str) -> tuple[int, str]:
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: object) -> tuple[int, Any]:
        text = body if isinstance(body, str) else json.dumps(body)
        status, answer = self._ask("POST", path, text, {"Content-Type": "application/json"})
        return status, json.loads(answer)

    def stream(self, path: str, body: Mapping[str, object]) -> Iterator[Any]:
        """Return the events of a stream, decoded, up to [DONE]."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", path, json.dumps({**body, "stream": True}))
            for line in connection.getresponse():
                if line.startswith(b"data: ") and line != b"data: [DONE]\n":
                    yield json.loads(line[6:])
        finally:
            connection.close()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(PATIENCE_SECONDS)

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body, {"Origin": "http://page.example", **headers})
            answer = connection.getresponse()
            assert answer.getheader("Access-Control-Allow-Origin") in (None, ""), "no web page may read it"
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _wait_until(self, condition: Any, what: str) -> None:
        wait_until(lambda: bool(condition()) or self.process.poll() is not None, what)
        assert condition(), f"{what}: it ended instead\n{self.said}\n{self.complained}"


@contextmanager
def run_engine(folder: Path, environment: Mapping[str, str]) -> Iterator[Engine]:
    """Start an engine that knows nothing but `environment`; kill it afterwards if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    port = choose_port(())
    stdout, stderr = folder / "stdout", folder / "stderr"
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "services.engine"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "ENGINE_PORT": str(port), **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    with process:
        try:
            yield Engine(process, port, stdout, stderr)
        finally:
            process.kill()

"""What a container gives the database server: a volume, a folder of sockets, a user that is not root."""

from __future__ import annotations

import fcntl
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

REPOSITORY = Path(__file__).parents[4]
PATIENCE_SECONDS = 60
"""Longest wait for what should be there in two seconds: a loaded machine must not fail a test."""


@dataclass
class Container:
    """The server's folders and its process, if it runs."""

    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def volume(self) -> Path:
        return self.root / "volume"

    @property
    def cluster(self) -> Path:
        return self.volume / "cluster"

    @property
    def sockets(self) -> Path:
        return self.root / "sockets"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server and do not wait for it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                env=self._environment(),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def start(self) -> None:
        """Start the server and wait until it answers."""
        process = self.launch()
        wait_until(lambda: self.answers() or process.poll() is not None, "the server answers")
        assert process.poll() is None, self.log.read_text()

    def kill(self) -> None:
        """End the process as nothing can prepare for; its children notice by themselves."""
        assert self.process
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        """End the server as `podman stop` does; return its exit code."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the entry point to its end."""
        return subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database: str = "postgres", **parameters: Any) -> psycopg.Connection:
        """Connect as the superuser through the Unix socket, unless the parameters say otherwise."""
        given = {"host": str(self.sockets), "port": self.port, "user": "postgres", **parameters}
        return psycopg.connect(dbname=database, autocommit=True, **given)

    def query(self, statement: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def is_locked(self) -> bool:
        """Say whether any process of a server has the volume's lock."""
        try:
            with (self.volume / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _command(self, *arguments: str) -> list[str]:
        python = [sys.executable, "-P", "-m", "services.database", *arguments]
        if os.geteuid() != 0:
            return python
        user = pwd.getpwnam("nobody")
        # May read what root may: the repository and its Python can lie in a folder that only root enters.
        capability = "+dac_read_search"
        return [
            "setpriv",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            f"--inh-caps={capability}",
            f"--ambient-caps={capability}",
            *python,
        ]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_FOLDER": str(self.volume),
            "DATABASE_SOCKETS": str(self.sockets),
            "DATABASE_ADDRESS": "127.0.0.1",
            "DATABASE_PORT": str(self.port),
        }


@contextmanager
def make_container() -> Iterator[Container]:
    """Return a container with an empty volume; end its server, and remove everything."""
    # Not pytest's folder: its name is too long for a Unix socket, and only its owner enters it.
    with tempfile.TemporaryDirectory(prefix="faregate-") as name:
        root = Path(name)
        root.chmod(0o755)
        container = Container(root, _choose_port())
        for folder in (container.volume, container.sockets):
            folder.mkdir(mode=0o700)
            hand_over(folder)
        try:
            yield container
        finally:
            if container.process and container.process.poll() is None:
                container.kill()
            wait_until(lambda: not container.is_locked(), "every process of the server has ended")


def hand_over(path: Path) -> None:
    """Give the file or folder to the user that the server runs as."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(path, user.pw_uid, user.pw_gid)


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited for {PATIENCE_SECONDS} s until {what}"
        time.sleep(0.02)


def _choose_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

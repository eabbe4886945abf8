"""What runs in the containers of these tests: a server that says what it sees, and misbehaves when it is told to.

It is packed into an image and has nothing but the modules that it imports.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

START_SECONDS = float(os.environ.get("START_SECONDS", "0"))
"""How long it takes until it listens."""
STOP_SECONDS = float(os.environ.get("STOP_SECONDS", "0"))
"""How long it takes to end after SIGTERM."""
LAST_WORDS = os.environ.get("LAST_WORDS")
"""File that it writes when it ends by itself."""
HEALTH = os.environ.get("HEALTH", "200 OK")
"""What /health answers."""
EXIT = os.environ.get("EXIT")
"""Exit code with which it ends at once."""


def end(_signal: int, _frame: FrameType | None) -> None:
    time.sleep(STOP_SECONDS)
    if LAST_WORDS:
        Path(LAST_WORDS).write_text("ended by itself", encoding="utf-8")
    sys.exit(0)


def describe() -> dict[str, Any]:
    """Return what the process is, and what it may do."""
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    status = {name: value.strip() for name, _, value in lines}
    return {
        "user": [os.getuid(), os.getgid()],
        "capabilities": {status[name].strip("0") for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {""},
        "privileges": status["NoNewPrivs"] == "1",
        "environment": dict(os.environ),
    }


def write(path: str) -> str:
    """Try to write a file and return what came of it."""
    try:
        Path(path).write_text("written", encoding="utf-8")
    except OSError as error:
        return type(error).__name__ + " " + os.strerror(error.errno or 0)
    return "written"


def resolve(name: str) -> list[str]:
    """Return the addresses that a name has on the network."""
    try:
        found = socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return sorted({str(address[4][0]) for address in found})


def answer(path: str) -> tuple[str, Any]:
    """Return the status and what is said: bytes as they are, all else as JSON."""
    what, _, rest = path.lstrip("/").partition("/")
    if what == "health":
        return HEALTH, "health"
    if what == "raw":
        return "200 OK", Path(f"/{rest}").read_bytes()
    if what == "read":
        return "200 OK", Path(f"/{rest}").read_text(encoding="utf-8")
    if what == "write":
        return "200 OK", write(f"/{rest}")
    if what == "resolve":
        return "200 OK", resolve(rest)
    return "200 OK", describe()


def main() -> None:
    signal.signal(signal.SIGTERM, end)
    print("this is printed first", flush=True)
    if EXIT:
        print("this is why it ends", file=sys.stderr, flush=True)
        sys.exit(int(EXIT))
    time.sleep(START_SECONDS)
    with socket.create_server(("", 8000)) as listening:
        print("it listens", flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                path = connection.recv(4096).split(b" ")[1].decode()
                status, said = answer(path)
                body = said if isinstance(said, bytes) else json.dumps(said).encode()
                head = f"HTTP/1.1 {status}\r\nLocation: /\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body if status != "garbage" else b"garbage\r\n\r\n")


if __name__ == "__main__":
    main()

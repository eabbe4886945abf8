"""Runs a command for which no name exists, and records every name that it asks DNS for.

`python no_names.py FILE COMMAND...` writes the names, one a line, to FILE. Needs root. The network itself stays, for
containers need the machine's bridges.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC_PRIVATE = 0x4000 | 0x40000
NAME_ERROR = 3


def main() -> int:
    questions = Path(sys.argv[1])
    recorder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # Any address of loopback's network will do; a resolver of this machine's may have the usual ones.
    address = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.{secrets.randbelow(250) + 2}"
    recorder.bind((address, 53))
    _ask_only(address)
    threading.Thread(target=_answer, args=(recorder, questions), daemon=True).start()
    return subprocess.run(sys.argv[2:], check=False).returncode


def _ask_only(address: str) -> None:
    """Enter a mount namespace of our own, in which this address is the only resolver."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> None:
        if getattr(libc, name)(*arguments) != 0:
            raise OSError(ctypes.get_errno(), name)

    call("unshare", CLONE_NEWNS)
    call("mount", b"none", b"/", None, MS_REC_PRIVATE, None)
    with tempfile.NamedTemporaryFile("w", delete=False) as resolver:
        resolver.write(f"nameserver {address}\noptions timeout:1 attempts:1\n")
    Path(resolver.name).chmod(0o644)
    call("mount", resolver.name.encode(), os.path.realpath("/etc/resolv.conf").encode(), None, MS_BIND, None)
    Path(resolver.name).unlink()  # the mount keeps it


def _answer(recorder: socket.socket, questions: Path) -> None:
    """Answer every question with "no such name", after writing it down."""
    while True:
        packet, sender = recorder.recvfrom(4096)
        labels, at = [], 12
        while length := packet[at]:
            labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += length + 1
        with questions.open("a") as file:
            file.write(".".join(labels) + "\n")
        recorder.sendto(packet[:2] + struct.pack(">HHHHH", 0x8180 | NAME_ERROR, 1, 0, 0, 0) + packet[12:], sender)


if __name__ == "__main__":
    sys.exit(main())

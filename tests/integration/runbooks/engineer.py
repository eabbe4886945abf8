"""Runs a runbook as an engineer does: in a process of its own, with a terminal or without one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAM = """\
import os, signal, sys
from pathlib import Path
from runbooks.command_line import main
from runbooks.interruption import take_signals
from runbooks.repository import Repository

# Whoever started the tests may ignore ^C, as `nohup` does.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    ignored = number == int(os.environ.get("IGNORED", "0"))
    signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
take_signals()
sys.exit(main(sys.argv[2:], Repository(Path(sys.argv[1]))))
"""
"""As `python -m runbooks`, in another repository."""
_STYLE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
"""What makes a terminal's text coloured."""


@dataclass(frozen=True)
class Ended:
    """What came of a run."""

    code: int
    text: str

    @property
    def last(self) -> str:
        return self.text.splitlines()[-1]


@dataclass(frozen=True)
class Engineer:
    """Who runs runbooks of a repository."""

    root: Path
    """The repository."""
    scratch: Path
    """Where temporary files go."""
    variables: Mapping[str, str]

    def run(self, *arguments: str) -> Ended:
        """Run without a terminal."""
        ended = subprocess.run(
            self._command(arguments),
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout)

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run without a terminal, in a process group of its own, and end it at the end."""
        with subprocess.Popen(
            self._command(arguments),
            env={**self.variables, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run_in_terminal(self, question: str, answer: str, *arguments: str) -> Ended:
        """Run in a terminal, and type an answer once the question stands there."""
        master, slave = pty.openpty()
        with subprocess.Popen(
            self._command(arguments),
            env=self.variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        ) as process:
            os.close(slave)
            seen = b""
            typed = False
            with suppress(OSError):  # the terminal's other end is closed
                while piece := os.read(master, 4096):
                    seen += piece
                    text = _STYLE.sub(b"", seen)
                    if not typed and question.encode() in text and text.endswith(b"(n): "):
                        os.write(master, answer.encode())
                        typed = True
        os.close(master)
        return Ended(process.returncode, _STYLE.sub(b"", seen).decode().replace("\r\n", "\n"))

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-P", "-c", PROGRAM, str(self.root), *arguments]

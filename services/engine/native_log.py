"""What native code prints to this process's standard output and error, kept apart from the engine's own log."""

from __future__ import annotations

import faulthandler
import os
import re
import sys

_ERROR = re.compile(r"^[0-9.]+ E (?:\S+ +)?\S*: (.+)$", re.MULTILINE)


class NativeLog:
    """Takes what native code prints from now on; the engine's own log goes on where it went.

    At every verbosity llama.cpp's errors repeat parts of requests: a grammar, tools, a schema. Clients read them in
    their answers, the log must not have them. Until requests are answered they are worth reading.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        own_stdout, own_stderr = os.dup(1), os.dup(2)
        sys.stdout = os.fdopen(own_stdout, "w", encoding="utf-8")
        sys.stderr = os.fdopen(own_stderr, "w", encoding="utf-8")
        faulthandler.enable(own_stderr)  # a crash still says that it is one
        self._memory = os.memfd_create("native-log")
        _redirect(self._memory)

    def find_error(self) -> str:
        """Return llama.cpp's first error, which is the cause of the others."""
        printed = os.pread(self._memory, 1 << 20, 0).decode(errors="replace")
        error = _ERROR.search(printed)
        return error[1] if error else "it does not say why"

    def discard(self) -> None:
        """Forget what was printed, and what will be."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        _redirect(nowhere)
        os.close(nowhere)
        os.close(self._memory)


def _redirect(descriptor: int) -> None:
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)

from __future__ import annotations

import subprocess
import sys

import pytest

BEGINNING = """
import os, sys
from services.engine.native_log import NativeLog
os.write(1, b"native before\\n"); os.write(2, b"native before\\n")
log = NativeLog()
os.write(1, b"native after\\n"); os.write(2, b"native after\\n")
print("own"); print("own", file=sys.stderr)
"""


def run(end: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", "-c", BEGINNING + end], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("end", ["", "log.discard(); os.write(1, b'later'); os.write(2, b'later')"])
def test_native_code_does_not_write_into_the_engine_s_log(end: str) -> None:
    ended = run(end)

    assert ended.returncode == 0
    assert ended.stdout == "native before\nown\n"
    assert ended.stderr == "native before\nown\n"


@pytest.mark.parametrize(
    ("printed", "error"),
    [
        (
            "0.00.004.115 E srv         start: couldn't bind, port: 80\n0.00.004.245 E srv  init: exiting",
            "couldn't bind, port: 80",
        ),
        ("0.00.1 W srv  init: careful\n0.00.2 E gguf_init_from_reader: invalid magic: 'x'\n", "invalid magic: 'x'"),
        ("", "it does not say why"),
    ],
)
def test_the_first_error_is_the_cause(printed: str, error: str) -> None:
    assert run(f"os.write(2, {printed.encode()!r}); print(log.find_error())").stdout.splitlines()[-1] == error


def test_a_crash_is_still_told() -> None:
    ended = run("log.discard(); os.abort()")

    assert ended.returncode != 0
    assert "Fatal Python error: Aborted" in ended.stderr

"""Images are built by the tool that anybody can call; its progress, its result and its failure are passed on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys

import pytest

from offline.environment import REPOSITORY
from offline.images import Images, ImagesUnavailable, build_images
from tests.unit.offline.conftest import Machine

REFERENCES = {"simulation": "localhost/faregate/simulation:1", "gateway": "localhost/faregate/gateway:2"}


def no_report(_line: str) -> None:
    """Take a line of progress and show it nobody."""


@pytest.fixture
def builder(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose interpreter stands in for the tool: see `install`."""
    monkeypatch.setattr(sys, "executable", str(machine.programs / "python"))
    return machine


def install(machine: Machine, built: list[str], *, before: str = ":") -> None:
    """Let the tool do something in shell code, and then print which images it built."""
    printed = shlex.quote(json.dumps({"references": REFERENCES, "built": built}, indent=2))
    machine.install("python", f"{before}\necho {printed}")


def test_the_images_are_those_of_the_tool(builder: Machine) -> None:
    install(builder, [])
    assert build_images(os.environ, no_report) == Images(REFERENCES, 0)
    install(builder, ["localhost/faregate/base-plain:1", "localhost/faregate/gateway:2"])
    assert build_images(os.environ, no_report) == Images(REFERENCES, 2)


def test_the_tool_is_this_clones_and_sees_the_given_environment_only(
    builder: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "ssh://elsewhere")
    monkeypatch.chdir("/")
    seen = builder.root / "seen"
    install(builder, [], before=f'echo "$* $PWD $GREETING ${{CONTAINER_HOST-none}}" > {seen}; cat >> {seen}')
    build_images({"GREETING": "hello", "PATH": "/usr/bin:/bin"}, no_report)
    assert seen.read_text() == f"-P -m services.images build {REPOSITORY} hello none\n", "and there is no input"


def test_progress_is_passed_on_line_by_line(builder: Machine) -> None:
    told = builder.root / "told"
    # It goes on when the first line was told, or at last without that.
    wait = f"n=0; until [ -e {told} ] || [ $n = 1000 ]; do sleep 0.01; n=$((n+1)); done; [ $n -lt 1000 ] || exit 1"
    install(builder, [], before=f"echo 'gateway: building' >&2; {wait}; echo ' b' >&2")
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        told.touch()

    build_images(os.environ, report)
    assert lines == ["gateway: building", "b"]


def test_a_result_that_is_longer_than_a_pipe_holds_is_read(builder: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REFERENCES, "long", "x" * 200_000)
    file = builder.root / "result.json"
    file.write_text(json.dumps({"references": REFERENCES, "built": []}))
    builder.install("python", f"exec 2>&-; cat {file}")
    assert build_images(os.environ, no_report).references["long"] == "x" * 200_000


def test_a_failure_is_the_tools_sentence_without_its_progress(builder: Machine) -> None:
    complaint = "base-plain: installing\\nerror: base-plain: mmdebstrap failed; its last lines:\\n  one\\n  two\\n"
    builder.install("python", f"printf {shlex.quote(complaint)} >&2; exit 1")
    with pytest.raises(ImagesUnavailable) as caught:
        build_images(os.environ, no_report)
    assert str(caught.value) == "base-plain: mmdebstrap failed; its last lines:\n  one\n  two"


def test_a_failure_without_a_sentence_is_told_by_its_last_lines(builder: Machine) -> None:
    builder.install("python", "n=0; while [ $n -lt 50 ]; do echo line $n >&2; n=$((n+1)); done; exit 3")
    with pytest.raises(ImagesUnavailable) as caught:
        build_images(os.environ, no_report)
    assert str(caught.value).splitlines() == [f"line {n}" for n in range(30, 50)]


def test_text_that_is_not_utf_8_is_no_traceback(builder: Machine) -> None:
    builder.install("python", "printf 'error: \\377\\n' >&2; exit 1")
    with pytest.raises(ImagesUnavailable) as caught:
        build_images(os.environ, no_report)
    assert str(caught.value) == "\N{REPLACEMENT CHARACTER}"


def test_an_interruption_waits_until_the_tool_has_cleaned_up(builder: Machine) -> None:
    clean = builder.root / "clean"
    trap = f"trap 'sleep 1; : > {clean}; exit 143' TERM"
    install(builder, [], before=f"{trap}; echo $$ >&2; n=0; while [ $n -lt 1000 ]; do sleep 0.01; n=$((n+1)); done")

    def interrupt(line: str) -> None:
        os.kill(int(line), signal.SIGTERM)  # a terminal's ^C reaches both, too
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_images(os.environ, interrupt)
    assert clean.exists()

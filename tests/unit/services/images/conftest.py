"""A small clone of the repository with images of its own, and tools that only record what they are asked for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]

IMAGES = """
debian: {suite: bookworm, python: "3.11", glibc: "2.36", revision: 1}
bases:
  plain: [balancer]
  python: [zlib, python3]
left_out:
  plain: [usr/share/toys]
images:
  balancer:
    base: plain
  meter:
    base: python
    requirements: requirements/meter.txt
    sources:
      services/__init__.py: services/__init__.py
      services/meter: services/meter
"""

# What a tool records of a call: its name and arguments, with a separator that none of them has.
_RECORD = """#!/bin/sh
{ printf '%s' "${0##*/}"; printf '\\037%s' "$@"; echo; } >> "$FAKE/calls"
echo "$CONTAINERS_CONF" >> "$FAKE/configurations"
for argument in "$@"; do
    case $argument in
        --tag=*) reference=${argument#--tag=} ;;
        --target=*) target=${argument#--target=} ;;
    esac
done
first=${1:-}
name=${0##*/}
"""
_MISBEHAVE = """
if [ -e "$FAKE/hang-$name" ]; then
    sleep 60 &
    echo $! > "$FAKE/child"
    echo started > "$FAKE/started"
    wait
    exit 3
fi
if [ -e "$FAKE/fail-$name" ]; then cat "$FAKE/fail-$name" >&2; exit 7; fi
"""
_TOOLS = {
    "podman": """
case $first in
    image) [ ! -e "$FAKE/fail-exists" ] || { echo 'no store' >&2; exit 125; }
        [ -e "$FAKE/store/$3" ]; exit ;;
    info) echo "$FAKE/run"; exit ;;
    ps) cat "$FAKE/containers"; exit ;;
    rm) exit ;;
    import) eval "tar=\\${$(($# - 1))} reference=\\${$#}"; name=import ;;
    build) eval "context=\\${$#}"; name=build ;;
esac
"""
    + _MISBEHAVE
    + """
[ -z "${tar:-}" ] || cat "$tar" > /dev/null || exit 9
if [ -n "${context:-}" ]; then
    mkdir -p "$FAKE/contexts"; cp -pR "$context" "$FAKE/contexts/"; echo "$TMPDIR" > "$FAKE/tmpdir"
fi
mkdir -p "$FAKE/store/${reference%/*}"; : > "$FAKE/store/$reference"
""",
    "mmdebstrap": """
eval "tar=\\${$#}"
echo half > "$tar"
if [ -e "$FAKE/meet" ]; then
    : > "$FAKE/came-${tar##*/}"; tries=0
    while [ ! -e "$FAKE/came-plain.tar" ] || [ ! -e "$FAKE/came-python.tar" ]; do
        sleep 0.05; tries=$((tries + 1)); [ $tries -lt 200 ] || { echo alone >&2; exit 8; }
    done
fi
"""
    + _MISBEHAVE
    + 'echo whole > "$tar"\n',
    "uv": _MISBEHAVE
    + """
umask 077
mkdir -p "$target/bin" "$target/meters.libs"; : > "$target/.lock"
echo '#!/some/python' > "$target/bin/meters"; echo 'value = 1' > "$target/meters.py"
echo elf > "$target/meters.libs/program"; chmod 700 "$target/meters.libs/program"
""",
}


@dataclass(frozen=True)
class Clone:
    """The clone, and the machine that it is on."""

    root: Path
    fake: Path
    programs: Path
    python: Path
    temporary: Path

    def start(self, *arguments: str, umask: int = 0o022) -> subprocess.Popen[str]:
        """Start `python -P -m services.images`."""
        return subprocess.Popen(
            [self.python, "-P", "-m", "services.images", *arguments],
            cwd="/",
            env={
                "CONTAINERS_CONF": "the caller's",
                "FAKE": str(self.fake),
                "PATH": str(self.programs),
                "PYTHONPATH": str(self.root),
                "TMPDIR": str(self.temporary),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=umask,
        )

    def run(self, *arguments: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        """Run `python -P -m services.images` to its end."""
        with self.start(*arguments, umask=umask) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def build(self, *names: str, umask: int = 0o022) -> tuple[dict[str, str], list[str]]:
        """Build with success; return the references by name, and those built."""
        done = self.run("build", *names, umask=umask)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert set(answer) == {"references", "built"}
        return answer["references"], answer["built"]

    def refuse(self, *arguments: str) -> str:
        """Run without success; return the one sentence, with the lines of a tool below it."""
        done = self.run(*arguments)
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr[done.stderr.index("error: ") :].rstrip()

    def read_calls(self, *beginning: str) -> list[list[str]]:
        """Return the calls of tools that begin with these words, in order."""
        calls = self.fake / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [call for call in (line.split("\x1f") for line in lines) if call[: len(beginning)] == list(beginning)]

    def let(self, behaviour: str, text: str = "") -> None:
        """Make a tool behave: `fail-TOOL`, `hang-TOOL`, `meet`."""
        (self.fake / behaviour).write_text(text)

    def await_file(self, name: str) -> None:
        """Wait until a tool has written a file."""
        wait_until(lambda: (self.fake / name).exists() and (self.fake / name).read_text() != "")

    def edit_images(self, old: str, new: str) -> None:
        file = self.root / "services" / "images" / "images.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()


def write_sources(root: Path) -> None:
    """Write what the small clone's images are made of."""
    for path, text in {
        "requirements/meter.txt": "meters==1\n",
        "services/__init__.py": "",
        "services/meter/__init__.py": "",
        "services/meter/tables/first.sql": "select 1;\n",
        "services/meter/__pycache__/old.pyc": "compiled",
        "services/images/images.yaml": IMAGES,
        "services/images/packages.Containerfile": "FROM packages\n",
        "services/images/balancer.Containerfile": "FROM balancer\n",
        "services/images/meter.Containerfile": "FROM meter\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root, fake, programs, temporary = (tmp_path / name for name in ("clone", "fake", "programs", "temporary"))
    for folder in (fake, programs, temporary):
        folder.mkdir()
    python_files = shutil.ignore_patterns("*.yaml", "*.Containerfile", "__pycache__")
    shutil.copytree(ROOT / "contract", root / "contract", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "services" / "images", root / "services" / "images", ignore=python_files)
    write_sources(root)
    for name in ("cat", "chmod", "cp", "mkdir", "sleep"):
        (programs / name).symlink_to(shutil.which(name) or name)
    python = _copy_python(tmp_path / "venv")
    for name, body in _TOOLS.items():
        tool = (python.parent if name == "uv" else programs) / name
        tool.write_text(_RECORD + body)
        tool.chmod(0o755)
    (fake / "containers").write_text("")
    return Clone(root, fake, programs, python, temporary)


def _copy_python(venv: Path) -> Path:
    """Make a virtual environment that shares the packages of this one, but not its `uv`."""
    (venv / "bin").mkdir(parents=True)
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", venv)
    (venv / "lib").symlink_to(Path(sys.prefix) / "lib")
    (venv / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    return venv / "bin" / "python"


@pytest.fixture(autouse=True)
def heeded_signals() -> Iterator[None]:
    """Heed the signals that a shell lets its background jobs ignore: a build inherits that."""
    former = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)

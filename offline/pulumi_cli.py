"""The Pulumi CLI: the user's own if it is new enough, else the cached one, else downloaded, else built from Go modules.

Pulumi's installer downloads from hosts that an offline machine does not reach; the Go module proxy is a package
registry, so building from there works wherever Go does.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from offline.cache import cache_folder

VERSION = "3.259.0"
"""The version that the language host and the providers were proven with; the Python SDK is pinned to it."""

OLDEST_GO = (1, 21)
"""From here on Go fetches the toolchain that a module asks for by itself."""

ARCHIVES = "https://get.pulumi.com/releases/sdk"
CHECKSUMS = f"https://github.com/pulumi/pulumi/releases/download/v{VERSION}/pulumi-{VERSION}-checksums.txt"
DOWNLOAD_SECONDS = 10
"""Longest silence of a server: an offline machine must not wait long to learn that it is one."""

MODULE = Path(__file__).parent / "pulumi"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"

Report = Callable[[str], None]


class CliUnavailable(Exception):
    """No Pulumi CLI can be had; the text says what to do."""


@dataclass(frozen=True)
class Cli:
    """Where a CLI is and where it came from."""

    path: Path
    origin: str


def ensure_cli(report: Report) -> Cli:
    """Return a usable CLI, made if need be; `report` gets a line of progress now and then.

    Raises:
        CliUnavailable: it can't be downloaded, and Go is absent, too old, or failed.
    """
    found = find_cli()
    if found:
        return found
    with _exclusive():
        found = find_cli()  # another command may have made it while this one waited
        return found or download(report) or build(report)


def find_cli() -> Cli | None:
    """Return the CLI that is here already: from PATH if its version is usable, else from the cache."""
    on_path = shutil.which("pulumi")
    if on_path and Path(on_path) != cached_path() and _is_usable(Path(on_path)):
        return Cli(Path(on_path), "PATH")
    return Cli(cached_path(), "cache") if cached_path().exists() else None


def cached_path() -> Path:
    return cache_folder() / f"pulumi-{VERSION}" / "pulumi"


def download(report: Report, archives: str = ARCHIVES, checksums: str = CHECKSUMS) -> Cli | None:
    """Download the official CLI into the cache; return None where its servers are not reached or do not have it.

    Raises:
        CliUnavailable: the archive is not the one that was published.
    """
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name = f"pulumi-v{VERSION}-{platform.system().lower()}-{machine}.tar.gz"
    report(f"downloading {name}")
    try:
        published = _fetch(checksums).decode()
        archive = _fetch(f"{archives}/{name}")
    except (OSError, urllib.error.URLError) as error:
        report(f"Pulumi's servers are not reached ({getattr(error, 'reason', error)})")
        return None
    if f"{hashlib.sha256(archive).hexdigest()}  {name}" not in published:
        raise CliUnavailable(f"{archives}/{name} has not the published SHA-256: it was not installed")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        binary = files.extractfile("pulumi/pulumi")
        if binary is None:
            raise CliUnavailable(f"{name} holds no pulumi/pulumi")
        _install(lambda path: path.write_bytes(binary.read()))
    return Cli(cached_path(), "download")


def build(report: Report) -> Cli:
    """Build the CLI from Go modules, each checked against `go.sum`.

    Raises:
        CliUnavailable: Go is absent, too old, or failed.
    """
    check_go()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto"}
    report("fetching Go modules")
    listed = _run_go(["list", "-deps", PACKAGE], environment)
    total = len(listed.split())

    def compile_to(path: Path) -> None:
        flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
        command = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(path), PACKAGE]
        _run_go(command, environment, _count_packages(total, report))

    _install(compile_to)
    return Cli(cached_path(), "build")


def check_go() -> str:
    """Return the version of Go that would build the CLI.

    Raises:
        CliUnavailable: Go is absent or too old.
    """
    needed = f"{OLDEST_GO[0]}.{OLDEST_GO[1]}"
    advice = f"install Go {needed} or newer, or the Pulumi CLI {VERSION} or newer, and put it on PATH"
    if shutil.which("go") is None:
        raise CliUnavailable(f"the Pulumi CLI has to be built here and there is no Go: {advice}")
    printed = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    version = re.match(r"go(\d+)\.(\d+)", printed)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_GO:
        raise CliUnavailable(f"the Pulumi CLI has to be built here and Go is {printed or 'too old'}: {advice}")
    return printed


def _is_usable(path: Path) -> bool:
    try:
        printed = subprocess.run([path, "version"], capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = re.match(r"v(\d+)\.(\d+)\.(\d+)", printed)
    wanted = tuple(map(int, VERSION.split(".")))
    return version is not None and wanted <= tuple(map(int, version.groups())) < (wanted[0] + 1,)


@contextmanager
def _exclusive() -> Iterator[None]:
    """Let one process at a time make the CLI; the lock ends with the process that holds it."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "pulumi.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(make: Callable[[Path], None]) -> None:
    """Make the binary beside its place, check that it runs, and only then move it there."""
    target = cached_path()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    make(unfinished)
    unfinished.chmod(0o755)
    if not _is_usable(unfinished):
        raise CliUnavailable(f"{unfinished} is not a Pulumi CLI {VERSION}")
    unfinished.replace(target)


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer:  # noqa: S310 - constants of this module
        content: bytes = answer.read()
    return content


def _run_go(arguments: list[str], environment: dict[str, str], on_line: Report | None = None) -> str:
    """Run Go in the module's folder; return what it printed, standard error line by line to `on_line`."""
    process = subprocess.Popen(
        ["go", *arguments], cwd=MODULE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both streams are pipes")
    last_lines: list[str] = []
    if on_line is None:
        printed, errors = process.communicate()
        last_lines = errors.splitlines()
    else:
        for line in process.stderr:
            last_lines = [*last_lines[-20:], line.rstrip()]
            on_line(line.rstrip())
        printed = process.stdout.read()
    if process.wait() != 0:
        raise CliUnavailable("building the Pulumi CLI failed:\n" + "\n".join(last_lines[-20:]))
    return printed


def _count_packages(total: int, report: Report) -> Report:
    """Return a reader of `go build -v`, which prints the name of each package as it compiles it."""
    started = time.monotonic()
    compiled = 0

    def count(_line: str) -> None:
        nonlocal compiled
        compiled += 1
        if compiled % 20 == 0:
            elapsed = time.monotonic() - started
            report(f"building the Pulumi CLI: {min(compiled, total)} of {total} packages, {elapsed:.0f} s")

    return count


if __name__ == "__main__":
    print(ensure_cli(lambda line: print(line, file=sys.stderr)).path)

"""The Pulumi CLI: the user's own if it is new enough, else the cached one, else downloaded, else built from Go modules.

Pulumi's installer downloads from hosts that an offline machine does not reach; the Go module proxy is a package
registry, so building from there works wherever Go does.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offline.cache import cache_folder
from offline.locks import hold
from offline.steps import Report

VERSION = "3.259.0"
"""The version that the language host and the providers were proven with; the Python SDK is pinned to it."""

OLDEST_GO = (1, 21)
"""From here on Go fetches the toolchain that a module asks for by itself."""

ARCHIVES = "https://get.pulumi.com/releases/sdk"
CHECKSUMS = f"https://github.com/pulumi/pulumi/releases/download/v{VERSION}/pulumi-{VERSION}-checksums.txt"
DOWNLOAD_SECONDS = 10
"""Longest silence of a server: an offline machine must not wait long to learn that it is one."""

ANSWER_SECONDS = 30
"""Longest wait for a program to say its version."""

MODULE = Path(__file__).parent / "pulumi"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"

MIB = 1024**2

# What urllib raises where a server is not reached, does not have the file, or stops in the middle of it.
_NOT_FETCHED = (OSError, http.client.HTTPException)


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
    with hold(cache_folder() / "pulumi.lock"):
        found = find_cli()  # another command may have made it while this one waited
        return found or download(report) or build(report)


def find_cli() -> Cli | None:
    """Return the CLI that is here already: from PATH if its version is usable, else from the cache."""
    on_path = shutil.which("pulumi")
    if on_path:
        path = Path(on_path).absolute()
        if path != cached_path() and _is_usable(path):
            return Cli(path, "PATH")
    return Cli(cached_path(), "cache") if cached_path().exists() else None


def cached_path() -> Path:
    return cache_folder() / f"pulumi-{VERSION}" / "pulumi"


def plan() -> str:
    """Return in words how `ensure_cli` would get a CLI that is not here; nothing is changed.

    Raises:
        CliUnavailable: it could not.
    """
    try:
        return f"downloaded, or built with {check_go()} (about 5 minutes, once on a machine)"
    except CliUnavailable:
        if _is_reached(f"{ARCHIVES}/{_name_archive()}"):
            return "downloaded"
        raise


def download(report: Report) -> Cli | None:
    """Download the official CLI into the cache; return None where its servers are not reached or do not have it.

    Raises:
        CliUnavailable: the archive is not the one that was published.
    """
    name = _name_archive()
    report(f"downloading {name}")
    try:
        published = _fetch(CHECKSUMS).decode(errors="replace")
        archive = _fetch(f"{ARCHIVES}/{name}", lambda size: report(f"downloading {name}: {size // MIB} MiB"))
    except _NOT_FETCHED as error:
        report(f"Pulumi's servers are not reached ({getattr(error, 'reason', error)})")
        return None
    if [hashlib.sha256(archive).hexdigest(), name] not in [line.split() for line in published.splitlines()]:
        raise CliUnavailable(f"{ARCHIVES}/{name} has not the published SHA-256: it was not installed")
    _install(lambda path: _unpack(archive, path))
    return Cli(cached_path(), "download")


def build(report: Report) -> Cli:
    """Build the CLI from Go modules, each checked against `go.sum`.

    Raises:
        CliUnavailable: Go is absent, too old, or failed.
    """
    check_go()
    report("fetching Go modules")
    listed = _run_go(["list", "-deps", PACKAGE], lambda line: report(f"fetching Go modules: {line}"))
    count = _count_packages(len(listed.split()), report)
    flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
    command = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags]
    _install(lambda path: _run_go([*command, "-o", str(path), PACKAGE], count))
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
    printed = _ask("go", "env", "GOVERSION")
    version = re.search(r"go(\d+)\.(\d+)", printed)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_GO:
        found = printed or "of no known version"
        raise CliUnavailable(f"the Pulumi CLI has to be built here and Go is {found}: {advice}")
    return printed


def _is_usable(path: Path) -> bool:
    version = re.match(r"v(\d+)\.(\d+)\.(\d+)", _ask(str(path), "version"))
    wanted = tuple(map(int, VERSION.split(".")))
    return version is not None and wanted <= tuple(map(int, version.groups())) < (wanted[0] + 1,)


def _ask(*command: str) -> str:
    """Return what a program prints, and nothing if it can't be started or does not end."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}  # that would wait for the internet
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            check=False,
            timeout=ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode(errors="replace").strip()


def _install(make: Callable[[Path], object]) -> None:
    """Make the binary beside its place, check that it runs, and only then move it there."""
    target = cached_path()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    try:
        make(unfinished)
        unfinished.chmod(0o755)
        if not _is_usable(unfinished):
            raise CliUnavailable(f"what was made is not a Pulumi CLI {VERSION}: it was not installed")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _name_archive() -> str:
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"pulumi-v{VERSION}-{platform.system().lower()}-{machine}.tar.gz"


def _unpack(archive: bytes, path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        try:
            binary = files.extractfile("pulumi/pulumi")
        except KeyError:
            binary = None
        if binary is None:
            raise CliUnavailable(f"{_name_archive()} holds no pulumi/pulumi")
        with path.open("wb") as file:
            shutil.copyfileobj(binary, file)


def _fetch(url: str, on_size: Callable[[int], None] = lambda _: None) -> bytes:
    """Return what a URL holds; `on_size` gets how many bytes came so far."""
    content = bytearray()
    with urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer:  # noqa: S310 - constants of this module
        # read() alone says so if the server stops early; a length makes it return what came.
        expected = answer.length
        while chunk := answer.read(MIB):
            content += chunk
            on_size(len(content))
    if expected is not None and len(content) < expected:
        raise http.client.IncompleteRead(bytes(content), expected - len(content))
    return bytes(content)


def _is_reached(url: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=DOWNLOAD_SECONDS):  # noqa: S310
            return True
    except _NOT_FETCHED:
        return False


def _run_go(arguments: list[str], on_line: Report) -> str:
    """Run Go in the module's folder; return its standard output, and give `on_line` each line of its standard error.

    Raises:
        CliUnavailable: it failed; the text holds its last lines.
    """
    # A workspace in a folder above would replace the module's own requirements.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto", "GOWORK": "off"}
    last_lines: list[str] = []
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            ["go", *arguments], cwd=MODULE, env=environment, stdout=output, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        if process.stderr is None:
            raise AssertionError("standard error is a pipe")
        for line in process.stderr:
            last_lines = [*last_lines[-19:], line.rstrip()]
            on_line(line.rstrip())
        if process.wait() != 0:
            raise CliUnavailable("building the Pulumi CLI failed:\n" + "\n".join(last_lines))
        output.seek(0)
        return output.read()


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

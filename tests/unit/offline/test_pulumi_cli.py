"""The Pulumi CLI is taken from where it is, else downloaded, else built. What is wrong is said, nothing half done."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from offline import pulumi_cli
from offline.locks import hold
from offline.pulumi_cli import Cli, CliUnavailable
from tests.unit.offline.conftest import Machine, Site

VERSION = f"v{pulumi_cli.VERSION}"
GOOD = f"#!/bin/sh\necho {VERSION}\n"
ADVICE = "install Go 1.21 or newer, or the Pulumi CLI 3.259.0 or newer, and put it on PATH"


def no_report(_line: str) -> None:
    """Take a line of progress and show it nobody."""


def list_cache(machine: Machine) -> list[str]:
    """Return the files in the cache but for the lock."""
    files = (path for path in machine.cache.rglob("*") if path.is_file() and path.name != "pulumi.lock")
    return sorted(str(path.relative_to(machine.cache / "faregate")) for path in files)


INSTALLED = [f"pulumi-{pulumi_cli.VERSION}/pulumi"]


def make_archive(name: str = "pulumi/pulumi", content: str = GOOD) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content.encode())
        archive.addfile(member, io.BytesIO(content.encode()))
    return file.getvalue()


@pytest.fixture(autouse=True)
def unreachable(machine: Machine, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """Let nothing reach Pulumi's servers, and leave no Go on PATH."""
    monkeypatch.setattr(pulumi_cli, "ARCHIVES", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(pulumi_cli, "CHECKSUMS", f"http://127.0.0.1:{closed_port}/checksums.txt")
    monkeypatch.setenv("PATH", str(machine.programs))


@pytest.fixture
def pulumis_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Pulumi's servers, without a file yet."""
    monkeypatch.setattr(pulumi_cli, "ARCHIVES", f"{site.url}/sdk")
    monkeypatch.setattr(pulumi_cli, "CHECKSUMS", f"{site.url}/checksums.txt")
    return site


def publish(site: Site, archive: bytes, digest: str | None = None) -> str:
    """Put an archive and its checksum on the site; return its name."""
    name = pulumi_cli._name_archive()
    digest = digest or hashlib.sha256(archive).hexdigest()
    site.files[f"/sdk/{name}"] = archive
    site.files["/checksums.txt"] = f"{'0' * 64}  pulumi-other.tar.gz\n{digest}  {name}\n".encode()
    return name


def put_in_cache(content: str = GOOD) -> Path:
    path = pulumi_cli.cached_path()
    path.parent.mkdir(parents=True)
    path.write_text(content)
    path.chmod(0o755)
    return path


def install_go(machine: Machine, *, version: str = "go1.25.11", build: str = "make_binary", packages: int = 45) -> Path:
    """Put a Go on PATH; return the file to which it adds the arguments of each call."""
    calls = machine.root / "go-calls"
    machine.install(
        "go",
        f"""
echo "$*" >> {calls}
make_binary() {{
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho {VERSION}\\n' > "$2"
}}
case "$1" in
    env) echo "{version}" ;;
    list)
        echo "go: downloading github.com/pulumi/pulumi/sdk/v3" >&2
        n=0; while [ $n -lt {packages} ]; do echo "example.com/$n"; n=$((n+1)); done ;;
    build)
        n=0; while [ $n -lt {packages} ]; do echo "example.com/$n" >&2; n=$((n+1)); done
        {build} "$@" ;;
esac""",
    )
    return calls


# ---- what is here already


@pytest.mark.parametrize("version", ["v3.259.0", "v3.259.1", "v3.300.0"])
def test_a_cli_on_path_that_is_new_enough_is_used(machine: Machine, version: str) -> None:
    path = machine.install("pulumi", f"echo {version}")
    put_in_cache()
    assert pulumi_cli.ensure_cli(no_report) == Cli(path, "PATH")


@pytest.mark.parametrize(
    "body",
    [
        "echo v3.258.9",
        "echo v3.99.0",
        "echo v2.999.0",
        "echo v4.0.0",
        "echo pulumi v3.259.0",
        "echo",
        "exit 1",
        "printf '\\377\\376'",
        "echo v3.259.0 >&2",
    ],
)
def test_a_cli_on_path_of_another_version_or_of_none_is_not_used(machine: Machine, body: str) -> None:
    machine.install("pulumi", body)
    assert pulumi_cli.find_cli() is None
    cached = put_in_cache()
    assert pulumi_cli.ensure_cli(no_report) == Cli(cached, "cache")


def test_a_cli_on_path_that_never_answers_is_not_used(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli, "ANSWER_SECONDS", 0.1)
    machine.install("pulumi", "while :; do :; done")
    assert pulumi_cli.find_cli() is None


def test_a_file_on_path_that_is_no_program_is_not_used(machine: Machine) -> None:
    path = machine.programs / "pulumi"
    path.write_bytes(b"\x00no program")
    path.chmod(0o755)
    assert pulumi_cli.find_cli() is None


def test_a_cli_in_the_cache_is_used_without_asking_anybody(pulumis_site: Site, machine: Machine) -> None:
    publish(pulumis_site, make_archive())
    calls = install_go(machine)
    path = put_in_cache()
    assert pulumi_cli.ensure_cli(no_report) == Cli(path, "cache")
    assert not calls.exists()


def test_the_cached_cli_comes_from_the_cache_also_where_activate_put_it_on_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = put_in_cache()
    monkeypatch.setenv("PATH", str(path.parent))
    assert pulumi_cli.find_cli() == Cli(path, "cache")


def test_a_cli_in_a_relative_folder_of_path_is_found_from_every_folder(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = machine.install("pulumi", f"echo {VERSION}")
    monkeypatch.chdir(machine.root)
    monkeypatch.setenv("PATH", "programs")
    assert pulumi_cli.find_cli() == Cli(path, "PATH")


def test_pulumi_is_not_made_to_look_for_updates_when_it_says_its_version(machine: Machine) -> None:
    machine.install("pulumi", f'[ "$PULUMI_SKIP_UPDATE_CHECK" = true ] && echo {VERSION}')
    assert pulumi_cli.find_cli() is not None


# ---- downloaded


def test_a_published_archive_is_installed_and_then_in_the_cache(machine: Machine, pulumis_site: Site) -> None:
    name = publish(pulumis_site, make_archive())
    lines: list[str] = []
    cli = pulumi_cli.ensure_cli(lines.append)
    assert cli == Cli(pulumi_cli.cached_path(), "download")
    assert subprocess.run([cli.path, "version"], capture_output=True, text=True, check=True).stdout == f"{VERSION}\n"
    assert list_cache(machine) == INSTALLED
    assert lines == [f"downloading {name}", f"downloading {name}: 0 MiB"]
    assert pulumi_cli.find_cli() == Cli(cli.path, "cache")


def test_an_archive_that_is_not_the_published_one_is_refused_and_nothing_is_installed(
    machine: Machine, pulumis_site: Site
) -> None:
    calls = install_go(machine)
    name = publish(pulumis_site, make_archive(), digest="0" * 64)
    with pytest.raises(CliUnavailable) as caught:
        pulumi_cli.ensure_cli(no_report)
    assert str(caught.value) == f"{pulumis_site.url}/sdk/{name} has not the published SHA-256: it was not installed"
    assert list_cache(machine) == []
    assert not calls.exists(), "a tampered archive is no reason to go on quietly"


def test_the_checksum_of_another_archive_does_not_count(pulumis_site: Site) -> None:
    archive = make_archive()
    name = publish(pulumis_site, archive)
    pulumis_site.files["/checksums.txt"] = f"{hashlib.sha256(archive).hexdigest()}  other-{name}\n".encode()
    with pytest.raises(CliUnavailable, match="has not the published SHA-256"):
        pulumi_cli.download(no_report)


@pytest.mark.parametrize(
    ("archive", "problem"),
    [
        (make_archive("pulumi/other"), "holds no pulumi/pulumi"),
        (make_archive(content="#!/bin/sh\necho v3.0.0\n"), "is not a Pulumi CLI 3.259.0"),
        (make_archive(content="no program"), "is not a Pulumi CLI 3.259.0"),
    ],
)
def test_an_archive_without_a_usable_cli_installs_nothing(
    machine: Machine, pulumis_site: Site, archive: bytes, problem: str
) -> None:
    publish(pulumis_site, archive)
    with pytest.raises(CliUnavailable, match=re.escape(problem)):
        pulumi_cli.download(no_report)
    assert list_cache(machine) == []


def test_servers_that_are_not_reached_are_no_error(machine: Machine) -> None:
    lines: list[str] = []
    assert pulumi_cli.download(lines.append) is None
    assert lines[-1].startswith("Pulumi's servers are not reached (")
    assert "refused" in lines[-1]
    assert list_cache(machine) == []


@pytest.mark.parametrize("missing", ["archive", "checksums"])
def test_a_file_that_the_servers_do_not_have_is_no_error(pulumis_site: Site, missing: str) -> None:
    name = publish(pulumis_site, make_archive())
    del pulumis_site.files["/checksums.txt" if missing == "checksums" else f"/sdk/{name}"]
    lines: list[str] = []
    assert pulumi_cli.download(lines.append) is None
    assert lines[-1] == "Pulumi's servers are not reached (Not Found)"


def test_an_archive_that_ends_early_is_no_error_and_not_installed(machine: Machine, pulumis_site: Site) -> None:
    publish(pulumis_site, make_archive())
    pulumis_site.cut = True
    assert pulumi_cli.download(no_report) is None
    assert list_cache(machine) == []


def test_a_server_that_says_nothing_is_not_waited_for(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli, "CHECKSUMS", f"http://127.0.0.1:{listener.getsockname()[1]}/checksums.txt")
    monkeypatch.setattr(pulumi_cli, "DOWNLOAD_SECONDS", 0.1)
    assert pulumi_cli.download(no_report) is None


@pytest.mark.parametrize(
    ("system", "machine_name", "name"),
    [
        ("Linux", "x86_64", "pulumi-v3.259.0-linux-x64.tar.gz"),
        ("Linux", "aarch64", "pulumi-v3.259.0-linux-arm64.tar.gz"),
        ("Darwin", "arm64", "pulumi-v3.259.0-darwin-arm64.tar.gz"),
    ],
)
def test_an_archive_is_named_as_pulumi_names_it(
    monkeypatch: pytest.MonkeyPatch, system: str, machine_name: str, name: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine_name)
    assert pulumi_cli._name_archive() == name


# ---- built


def test_where_nothing_can_be_downloaded_the_cli_is_built_and_cached(machine: Machine) -> None:
    calls = install_go(machine)
    cli = pulumi_cli.ensure_cli(no_report)
    assert cli == Cli(pulumi_cli.cached_path(), "build")
    assert list_cache(machine) == INSTALLED
    assert pulumi_cli.find_cli() == Cli(cli.path, "cache")
    command = calls.read_text().splitlines()[-1]
    assert command.startswith("build ")
    assert f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={VERSION}" in command
    assert command.endswith(f" {pulumi_cli.PACKAGE}")


def test_go_runs_in_the_module_with_the_settings_that_the_build_needs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    monkeypatch.setenv("GOWORK", "/somewhere/go.work")
    seen = machine.root / "seen"
    install_go(machine, build=f'echo "$PWD $CGO_ENABLED $GOTOOLCHAIN $GOWORK" > {seen}; make_binary')
    pulumi_cli.build(no_report)
    assert seen.read_text() == f"{pulumi_cli.MODULE} 0 auto off\n"
    assert (pulumi_cli.MODULE / "go.mod").exists()


def test_progress_is_told_while_modules_are_fetched_and_packages_compiled(machine: Machine) -> None:
    install_go(machine, packages=45)
    lines: list[str] = []
    pulumi_cli.build(lines.append)
    assert lines[:2] == [
        "fetching Go modules",
        "fetching Go modules: go: downloading github.com/pulumi/pulumi/sdk/v3",
    ]
    assert [re.sub(r"\d+ s$", "", line) for line in lines[2:]] == [
        "building the Pulumi CLI: 20 of 45 packages, ",
        "building the Pulumi CLI: 40 of 45 packages, ",
    ]


def test_where_there_is_no_go_it_is_said_what_to_install(machine: Machine) -> None:
    with pytest.raises(CliUnavailable) as caught:
        pulumi_cli.ensure_cli(no_report)
    assert str(caught.value) == f"the Pulumi CLI has to be built here and there is no Go: {ADVICE}"
    assert list_cache(machine) == []


@pytest.mark.parametrize(
    ("version", "said"),
    [("go1.20.14", "go1.20.14"), ("go1.9", "go1.9"), ("", "of no known version"), ("gopher", "gopher")],
)
def test_a_go_that_is_too_old_or_unknown_is_named_with_what_to_install(
    machine: Machine, version: str, said: str
) -> None:
    calls = install_go(machine, version=version)
    with pytest.raises(CliUnavailable) as caught:
        pulumi_cli.ensure_cli(no_report)
    assert str(caught.value) == f"the Pulumi CLI has to be built here and Go is {said}: {ADVICE}"
    assert calls.read_text().splitlines() == ["env GOVERSION"]


def test_a_go_that_is_no_program_is_refused(machine: Machine) -> None:
    path = machine.programs / "go"
    path.write_bytes(b"\x00no program")
    path.chmod(0o755)
    with pytest.raises(CliUnavailable, match="Go is of no known version"):
        pulumi_cli.check_go()


@pytest.mark.parametrize("version", ["go1.21", "go1.21.0", "go1.30rc1", "go2.0.0", "devel go1.26-5c8b3c0"])
def test_a_go_that_fetches_its_own_toolchain_will_do(machine: Machine, version: str) -> None:
    install_go(machine, version=version)
    assert pulumi_cli.check_go() == version


def test_a_failed_build_shows_its_last_lines_and_leaves_no_binary(machine: Machine) -> None:
    install_go(machine, build="make_binary \"$@\"; echo 'disk full' >&2; exit 1; :", packages=45)
    with pytest.raises(CliUnavailable) as caught:
        pulumi_cli.ensure_cli(no_report)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "building the Pulumi CLI failed:"
    assert lines == [*(f"example.com/{number}" for number in range(26, 45)), "disk full"]
    assert list_cache(machine) == []


def test_modules_that_cannot_be_fetched_show_what_go_said(machine: Machine) -> None:
    install_go(machine)
    machine.install("go", '[ "$1" = env ] && { echo go1.25.0; exit; }; echo "proxy: no such host" >&2; exit 1')
    with pytest.raises(CliUnavailable, match="building the Pulumi CLI failed:\nproxy: no such host"):
        pulumi_cli.ensure_cli(no_report)


def test_a_build_that_makes_no_usable_cli_leaves_no_binary(machine: Machine) -> None:
    install_go(machine, build='while [ "$1" != -o ]; do shift; done; echo "no program" > "$2"; :')
    with pytest.raises(CliUnavailable, match=re.escape("is not a Pulumi CLI 3.259.0: it was not installed")):
        pulumi_cli.ensure_cli(no_report)
    assert list_cache(machine) == []


def test_an_interrupted_build_leaves_no_binary_and_the_next_one_succeeds(machine: Machine) -> None:
    install_go(machine)

    def interrupt(line: str) -> None:
        if "packages" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pulumi_cli.ensure_cli(interrupt)
    assert list_cache(machine) == []
    assert pulumi_cli.ensure_cli(no_report).origin == "build"


def test_two_processes_at_once_build_once(machine: Machine, closed_port: int) -> None:
    calls = install_go(machine)
    asked = machine.root / "asked"
    machine.install("pulumi", f"echo asked >> {asked}; echo v1.0.0")
    code = (
        "import offline.pulumi_cli as cli\n"
        f"cli.ARCHIVES = cli.CHECKSUMS = 'http://127.0.0.1:{closed_port}'\n"
        "print(cli.ensure_cli(lambda line: None).origin)\n"
    )
    command = [sys.executable, "-P", "-c", code]
    with hold(machine.cache / "faregate" / "pulumi.lock"):
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        while not asked.exists() or len(asked.read_text().splitlines()) < 2:
            time.sleep(0.01)  # until both have found no CLI
    origins = sorted(process.communicate()[0].strip() for process in processes)
    assert origins == ["build", "cache"]
    assert sum(line.startswith("build") for line in calls.read_text().splitlines()) == 1


# ---- foreseen


def test_the_plan_names_the_go_that_would_build(machine: Machine) -> None:
    install_go(machine)
    assert pulumi_cli.plan() == "downloaded, or built with go1.25.11 (about 5 minutes, once on a machine)"


def test_the_plan_needs_no_go_where_the_cli_can_be_downloaded(machine: Machine, pulumis_site: Site) -> None:
    publish(pulumis_site, make_archive())
    assert pulumi_cli.plan() == "downloaded"
    assert list_cache(machine) == []


@pytest.mark.usefixtures("pulumis_site")
def test_there_is_no_plan_where_the_servers_do_not_have_it_and_go_is_absent() -> None:
    with pytest.raises(CliUnavailable, match="there is no Go"):
        pulumi_cli.plan()


def test_the_python_sdk_and_the_go_module_are_of_the_same_version() -> None:
    go_mod = (pulumi_cli.MODULE / "go.mod").read_text()
    lock = (pulumi_cli.MODULE.parents[1] / "requirements" / "lock.txt").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 {VERSION}" in go_mod
    assert re.search(rf"^pulumi=={re.escape(pulumi_cli.VERSION)} ", lock, re.MULTILINE)

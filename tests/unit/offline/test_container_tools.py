"""What containers need is found where podman looks for it, else installed whole; a failure says what to do."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from offline import container_tools
from offline.container_tools import PACKAGES, ContainerToolsUnavailable
from offline.locks import hold
from tests.unit.offline.conftest import Machine

HELPING = ["netavark", "aardvark-dns"]
ALL = ", ".join(PACKAGES)


def no_report(_line: str) -> None:
    """Take a line of progress and show it nobody."""


@pytest.fixture(autouse=True)
def bare(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing of this machine's own where programs are looked for, and no pause."""
    (machine.root / "helpers").mkdir()
    (machine.root / "sbin").mkdir()
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setattr(container_tools, "ADMINISTRATION", (str(machine.root / "sbin"),))
    monkeypatch.setattr(container_tools, "HELPERS", (str(machine.root / "none"), str(machine.root / "helpers")))
    monkeypatch.setattr(container_tools, "PAUSE_SECONDS", 0)


def put(folder: Path, *names: str) -> None:
    """Put programs into a folder; podman says its version."""
    for name in names:
        path = folder / name
        path.write_text("#!/bin/sh\necho podman version 4.3.1\n")
        path.chmod(0o755)


def put_all(machine: Machine, besides: Iterable[str] = ()) -> None:
    for name in set(PACKAGES) - set(besides):
        put(machine.root / "helpers" if name in HELPING else machine.programs, name)


def install_apt(machine: Machine, *, before: str = "", install: str = 'put "$@"', update: str = ":") -> None:
    """Put an apt-get and a dpkg on PATH: each records its arguments, and apt-get installs by shell code."""
    record = f'echo "${{0##*/}} $*" >> {machine.root}/calls\n'
    machine.install(
        "apt-get",
        f"""{record}
put() {{
    for name; do
        case "$name" in
            -* | install) continue ;;
            netavark | aardvark-dns) path={machine.root}/helpers/$name ;;
            *) path={machine.programs}/$name ;;
        esac
        printf '#!/bin/sh\\necho podman version 4.3.1\\n' > "$path"
        /bin/chmod 755 "$path"
        echo "Setting up $name"
    done
}}
{before}
case " $* " in
    *" update "*) {update} ;;
    *" install "*) {install} ;;
esac""",
    )
    machine.install("dpkg", record + f": > {machine.root}/configured")


def calls(machine: Machine) -> list[str]:
    """Return the commands that were run, without options but for --fix-broken."""
    record = machine.root / "calls"
    lines = record.read_text().splitlines() if record.exists() else []
    return [" ".join(word for word in line.split() if word[0] != "-" or word == "--fix-broken") for line in lines]


INSTALL = f"apt-get install {' '.join(PACKAGES)}"
HEAL = ["dpkg", "apt-get update", "apt-get install --fix-broken"]


# ---- what is here already


def test_where_everything_is_here_nothing_is_run(machine: Machine) -> None:
    put_all(machine)
    install_apt(machine)
    assert container_tools.find_missing() == []
    assert container_tools.ensure(no_report) == "podman 4.3.1"
    assert calls(machine) == []


def test_on_a_bare_machine_every_package_is_missing() -> None:
    assert container_tools.find_missing() == list(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_that_is_missing_is_found(machine: Machine, package: str) -> None:
    put_all(machine, besides=[package])
    assert container_tools.find_missing() == [package]


@pytest.mark.parametrize("package", ["runc", "iptables"])
def test_a_program_of_roots_is_found_though_path_does_not_name_its_folder(machine: Machine, package: str) -> None:
    put_all(machine, besides=[package])
    put(machine.root / "sbin", package)
    assert container_tools.find_missing() == []


@pytest.mark.parametrize("package", HELPING)
def test_a_helper_on_path_is_not_where_podman_looks(machine: Machine, package: str) -> None:
    put_all(machine, besides=[package])
    put(machine.programs, package)
    assert container_tools.find_missing() == [package]


def test_catatonit_may_be_among_the_helpers(machine: Machine) -> None:
    put_all(machine, besides=["catatonit"])
    put(machine.root / "helpers", "catatonit")
    assert container_tools.find_missing() == []


def test_podman_itself_is_not_looked_for_among_the_helpers(machine: Machine) -> None:
    put_all(machine, besides=["podman"])
    put(machine.root / "helpers", "podman")
    assert container_tools.find_missing() == ["podman"]


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        ("half-installed", ["podman"]),
        ("unpacked", ["podman"]),
        ("half-configured", ["podman"]),
        ("installed", []),
        ("triggers-pending", []),
        ("config-files", []),
        ("not-installed", []),
    ],
)
def test_a_package_whose_installation_was_cut_off_is_missing_though_its_program_is_there(
    machine: Machine, state: str, missing: list[str]
) -> None:
    put_all(machine)
    machine.install("dpkg-query", f"echo podman {state}; echo runc installed; echo no catatonit >&2; exit 1")
    assert container_tools.find_missing() == missing


def test_a_podman_that_does_not_run_is_a_sentence(machine: Machine) -> None:
    put_all(machine)
    machine.install("podman", "exit 127")
    for ask in (container_tools.describe, lambda: container_tools.ensure(no_report)):
        with pytest.raises(ContainerToolsUnavailable, match="podman is here and does not run: see `podman --version`"):
            ask()


def test_the_path_of_tools_holds_the_folders_of_roots_programs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_tools, "ADMINISTRATION", ("/usr/sbin", "/sbin"))
    assert container_tools.extend_path("/a:/usr/bin") == "/a:/usr/bin:/usr/sbin:/sbin"
    assert container_tools.extend_path("/sbin:/a") == "/sbin:/a:/usr/sbin"
    assert container_tools.extend_path("/a::/b") == "/a:/b:/usr/sbin:/sbin", "an empty one is the working folder"
    assert container_tools.extend_path("") == f"{os.defpath}:/usr/sbin:/sbin"


# ---- foreseen


def test_the_plan_names_what_apt_would_install(machine: Machine) -> None:
    put_all(machine, besides=["runc", "netavark"])
    install_apt(machine)
    assert container_tools.plan() == "apt-get installs runc, netavark (less than a minute, once on a machine)"
    assert calls(machine) == []


@pytest.mark.parametrize("ask", [container_tools.plan, lambda: container_tools.ensure(no_report)])
def test_without_apt_the_packages_to_install_are_named(machine: Machine, ask: object) -> None:
    assert callable(ask)
    put_all(machine, besides=["runc", "netavark"])
    with pytest.raises(ContainerToolsUnavailable) as caught:
        ask()
    assert str(caught.value) == "containers need runc, netavark, and there is no apt-get: install these packages"


# ---- installed


def test_what_is_missing_is_installed_and_nothing_else(machine: Machine) -> None:
    put_all(machine, besides=["runc", "netavark"])
    install_apt(machine)
    lines: list[str] = []
    assert container_tools.ensure(lines.append) == "podman 4.3.1 installed"
    assert calls(machine) == ["apt-get install runc netavark"]
    assert lines == ["Setting up runc", "Setting up netavark"]


def test_a_bare_machine_gets_everything_at_once(machine: Machine) -> None:
    install_apt(machine)
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"
    assert calls(machine) == [INSTALL]


@pytest.mark.usefixtures("typed")
def test_apt_asks_nobody_waits_for_others_and_takes_nothing_away(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBIAN_FRONTEND", "dialog")
    install_apt(machine, before='read line && exit 1; [ "$DEBIAN_FRONTEND" = noninteractive ] || exit 1')
    container_tools.ensure(no_report)
    (line,) = (machine.root / "calls").read_text().splitlines()
    words = line.removesuffix(" ".join(PACKAGES)).split()
    assert words == [
        *("apt-get", "--quiet", "--yes", "--no-remove", "-oDPkg::Lock::Timeout=120", "--no-install-recommends"),
        *("-oDPkg::Options::=--force-confdef", "-oDPkg::Options::=--force-confold", "install"),
    ]


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[None]:
    """Have a line on standard input."""
    (tmp_path / "typed").write_text("yes\n")
    before = os.dup(0)
    with (tmp_path / "typed").open() as file:
        os.dup2(file.fileno(), 0)
    yield
    os.dup2(before, 0)
    os.close(before)


def test_apt_finds_the_programs_of_root(machine: Machine) -> None:
    install_apt(machine, before=f'[ "$PATH" = {machine.programs}:{machine.root}/sbin ] || exit 1')
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"


def test_lists_are_fetched_where_apt_knows_no_such_package(machine: Machine) -> None:
    lists = machine.root / "lists"
    install_apt(machine, update=f": > {lists}", install=f'[ -e {lists} ] && put "$@"')
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"
    assert calls(machine) == [INSTALL, *HEAL, INSTALL]


def test_an_installation_that_was_cut_off_is_finished_first(machine: Machine) -> None:
    interrupted = f"[ -e {machine.root}/configured ] || {{ echo 'E: dpkg was interrupted'; exit 100; }}"
    install_apt(machine, before=interrupted)
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"
    assert calls(machine) == [INSTALL, *HEAL, INSTALL]
    dpkg = (machine.root / "calls").read_text().splitlines()[1]
    assert dpkg == "dpkg --force-confdef --force-confold --configure -a"


def test_packages_that_lack_what_they_depend_on_are_completed_first(machine: Machine) -> None:
    fixed = machine.root / "fixed"
    code = f'case "$*" in *--fix-broken) : > {fixed} ;; *) [ -e {fixed} ] && put "$@" ;; esac'
    install_apt(machine, install=code)
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"


@pytest.mark.parametrize(
    "complaint",
    [
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 19 (apt-get)",
        "dpkg: error: dpkg frontend lock was locked by another process with pid 19",
    ],
)
def test_another_program_that_installs_is_waited_for(machine: Machine, complaint: str) -> None:
    marks = "".join(
        f"[ -e {machine.root}/{n} ] || {{ : > {machine.root}/{n}; echo '{complaint}'; exit 100; }}\n" for n in "12"
    )
    install_apt(machine, before=marks)
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"
    assert calls(machine) == [INSTALL] * 3


def test_an_apt_that_waited_by_itself_is_not_run_again(machine: Machine) -> None:
    install_apt(machine, before="echo 'Waiting for cache lock: Could not get lock /x. It is held by process 19'")
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"
    assert calls(machine) == [INSTALL]


def test_another_program_that_installs_is_not_waited_for_without_end(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_tools, "LOCK_SECONDS", 0)
    install_apt(machine, before="echo 'E: Could not get lock /x'; exit 100")
    with pytest.raises(ContainerToolsUnavailable, match="E: Could not get lock /x"):
        container_tools.ensure(no_report)


def test_a_failure_is_told_with_what_is_missing_and_the_last_lines(machine: Machine) -> None:
    many = "n=0; while [ $n -lt 30 ]; do echo line $n; n=$((n+1)); done"
    install_apt(machine, install=f"{many}; echo 'E: no such package' >&2; exit 100")
    with pytest.raises(ContainerToolsUnavailable) as caught:
        container_tools.ensure(no_report)
    first, *lines = str(caught.value).splitlines()
    assert first == f"containers need {ALL}, which apt-get did not install:"
    assert lines == [*(f"line {n}" for n in range(11, 30)), "E: no such package"]


def test_an_apt_that_claims_success_and_installs_too_little_is_not_believed(machine: Machine) -> None:
    install_apt(machine, install="put podman runc catatonit iptables mmdebstrap netavark")
    with pytest.raises(ContainerToolsUnavailable, match="containers need aardvark-dns, which apt-get did not install:"):
        container_tools.ensure(no_report)


def test_an_apt_that_fails_for_a_package_of_somebody_elses_is_no_failure(machine: Machine) -> None:
    install_apt(machine, install='put "$@"; echo "E: other-package failed"; exit 100')
    assert container_tools.ensure(no_report) == "podman 4.3.1 installed"
    assert calls(machine) == [INSTALL]


def test_what_apt_prints_need_not_be_text(machine: Machine) -> None:
    install_apt(machine, before="printf '\\377\\n'")
    lines: list[str] = []
    container_tools.ensure(lines.append)
    assert lines[0] == "\N{REPLACEMENT CHARACTER}"


def test_two_commands_at_once_install_once(machine: Machine) -> None:
    asked = machine.root / "asked"
    install_apt(machine)
    machine.install("dpkg-query", f"echo x >> {asked}")
    code = (
        "import offline.container_tools as tools\n"
        f"tools.ADMINISTRATION, tools.HELPERS = (), ({str(machine.root / 'helpers')!r},)\n"
        "print(tools.ensure(lambda line: None))\n"
    )
    command = [sys.executable, "-P", "-c", code]
    with hold(machine.cache / "faregate" / "container-tools.lock"):
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        while not asked.exists() or len(asked.read_text().splitlines()) < 2:
            time.sleep(0.01)  # until both have found that there is nothing
    outcomes = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outcomes == ["podman 4.3.1 installed"] * 2, "both waited until it was"
    assert calls(machine) == [INSTALL]


# ---- podman's configuration


def test_the_configuration_names_both_limits_and_what_needs_no_systemd() -> None:
    text = container_tools.containers_conf(open_files=1000, processes=2000)
    assert tomllib.loads(text) == {
        "containers": {
            "default_ulimits": ["nofile=1000:1000", "nproc=2000:2000"],
            "http_proxy": False,
            "log_driver": "k8s-file",
        },
        "engine": {"runtime": "runc", "cgroup_manager": "cgroupfs", "events_logger": "file"},
        "network": {"network_backend": "netavark"},
    }


@pytest.mark.parametrize(
    ("hard", "limits"),
    [
        ((1024, 800), ["nofile=1024:1024", "nproc=800:800"]),
        ((16384, 32768), ["nofile=16384:16384", "nproc=32768:32768"]),
        ((10**6, 10**6), ["nofile=16384:16384", "nproc=32768:32768"]),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), ["nofile=16384:16384", "nproc=32768:32768"]),
    ],
)
def test_no_limit_is_above_the_hard_limit_of_this_process(
    monkeypatch: pytest.MonkeyPatch, hard: tuple[int, int], limits: list[str]
) -> None:
    kinds = {resource.RLIMIT_NOFILE: hard[0], resource.RLIMIT_NPROC: hard[1]}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1, kinds[kind]))
    written = tomllib.loads(container_tools.write_config().read_text())
    assert written["containers"]["default_ulimits"] == limits


def test_the_configuration_is_written_again_only_where_it_differs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = container_tools.write_config()
    assert path == machine.cache / "faregate" / "containers.conf" == container_tools.config_path()
    first = path.stat().st_ino
    assert container_tools.write_config().stat().st_ino == first
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (10, 10))
    assert container_tools.write_config().stat().st_ino != first
    assert "nofile=10:10" in path.read_text()
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"

"""`source offline/activate` makes a shell work on an instance, and `deactivate` makes it what it was."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from offline.environment import REPOSITORY, compose, to_shell
from offline.instance import find_home, make_instance
from offline.pulumi_cli import VERSION, Cli
from tests.unit.offline.conftest import Machine

SHELLS = ["bash", *(["zsh"] if shutil.which("zsh") else [])]

# Variables of the shell itself, which change from one command to the next.
VOLATILE = ("_", "BASH_", "EPOCH", "FUNCNAME", "LINENO", "PIPESTATUS", "RANDOM", "SECONDS", "SRANDOM", "OLDPWD")


@dataclass
class Clone:
    """A copy of what `activate` needs of a repository, with an interpreter that prints what a test put there."""

    root: Path
    shell: str

    @property
    def activate(self) -> str:
        return f"source {self.path('offline', 'activate')}"

    def path(self, *names: str) -> str:
        """Return a path in the clone as shell code."""
        return shlex.quote(str(self.root.joinpath(*names)))

    def answer(self, lines: str, code: int = 0) -> None:
        """Let `python -m offline environment` print these lines and end with this code."""
        (self.root / "lines").write_text(lines)
        python = self.root / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(
            f'#!/bin/sh\necho "$*" >> {self.path("calls")}\n/usr/bin/env -0 > {self.path("seen")}\n'
            f"/bin/cat {self.path('lines')}\nexit {code}\n"
        )
        python.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The arguments of each start of the interpreter."""
        return (self.root / "calls").read_text().splitlines()

    @property
    def seen(self) -> dict[str, str]:
        """The environment that the interpreter was started with the last time."""
        return parse_environment((self.root / "seen").read_text())

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script in a new shell with no other variables than these."""
        options = ["--norc", "--noprofile"] if self.shell == "bash" else ["-f"]
        return subprocess.run(
            [self.shell, *options, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.root,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **variables},
        )

    def snapshot(self, name: str) -> str:
        """Return shell code that writes down everything that the shell holds."""
        everything = "declare -p; declare -f" if self.shell == "bash" else "typeset -p; typeset -f"
        return f"env -0 > {self.path(f'{name}.environment')}; {{ {everything}; }} > {self.path(f'{name}.shell')}"

    def environment_at(self, name: str) -> dict[str, str]:
        return parse_environment((self.root / f"{name}.environment").read_text())

    def shell_at(self, name: str) -> list[str]:
        """Return every variable, with its attributes, and every function, but for what changes by itself."""
        kept = []
        for line in (self.root / f"{name}.shell").read_text().splitlines():
            words = line.partition("=")[0].split(" ")
            if not any(words[-1].startswith(volatile) for volatile in VOLATILE):
                kept.append(line)
        return kept


def parse_environment(text: str) -> dict[str, str]:
    items = (item.partition("=") for item in text.split("\0") if item)
    return {name: value for name, _, value in items if name != "_"}


LINES = """_faregate_unset AWS_PROFILE
_faregate_unset AWS_SESSION_TOKEN
_faregate_set PATH '/tools:/usr/bin:/bin'
_faregate_set INSTANCE local
_faregate_set AWS_REGION eu-central-1
_faregate_set PULUMI_CONFIG_PASSPHRASE 'it'"'"'s $(no) secret
on two lines'"""


def make_clone(root: Path, shell: str, lines: str = LINES) -> Clone:
    (root / "offline").mkdir(parents=True)
    shutil.copy(REPOSITORY / "offline" / "activate", root / "offline" / "activate")
    clone = Clone(root, shell)
    clone.answer(lines)
    return clone


@pytest.fixture(params=SHELLS)
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Clone:
    return make_clone(tmp_path / "a clone", request.param)


def check(answer: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines that a script printed; it must have succeeded without a complaint."""
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout.splitlines()


def test_the_instances_variables_are_exported_and_an_accounts_are_gone(clone: Clone) -> None:
    check(
        clone.run(f"{clone.activate}; {clone.snapshot('active')}", AWS_PROFILE="prod", AWS_SESSION_TOKEN="x", LANG="C")
    )
    active = clone.environment_at("active")
    assert active.keys().isdisjoint({"AWS_PROFILE", "AWS_SESSION_TOKEN"})
    assert active["PATH"] == "/tools:/usr/bin:/bin"
    assert active["AWS_REGION"] == "eu-central-1"
    assert active["PULUMI_CONFIG_PASSPHRASE"] == "it's $(no) secret\non two lines"
    assert active["LANG"] == "C"


def test_what_would_be_undone_is_everything(clone: Clone) -> None:
    script = f"""
        not_exported='kept as it is'
        AWS_PROFILE='not exported either'
        PS1='> '
        {clone.snapshot("before")}
        {clone.activate}
        {clone.snapshot("active")}
        deactivate
        {clone.snapshot("after")}"""
    ambient = {
        "PATH": "/usr/bin:/bin:/some where",
        "AWS_SESSION_TOKEN": "a 'quoted'\n\"token\" with $HOME, `id` and \\\n",
        "AWS_REGION": "",
        "INSTANCE": "other",
    }
    check(clone.run(script, **ambient))
    assert clone.environment_at("active") != clone.environment_at("before")
    assert clone.environment_at("after") == clone.environment_at("before")
    assert clone.shell_at("active") != clone.shell_at("before")
    assert clone.shell_at("after") == clone.shell_at("before")


def test_the_prompt_is_marked_while_active_and_stays_unexported(clone: Clone) -> None:
    script = f"""
        PS1='$ '; {clone.activate}; echo "$PS1"; env | grep -c '^PS1=' || true; deactivate; echo "$PS1" """
    assert check(clone.run(script)) == ["(faregate:local) $ ", "0", "$ "]


def test_a_shell_without_a_prompt_gets_none(clone: Clone) -> None:
    assert check(clone.run(f'unset PS1; {clone.activate}; echo "${{PS1-none}}"')) == ["none"]


def test_activating_twice_and_deactivating_once_restores_the_original(clone: Clone) -> None:
    script = f"""
        PS1='> '
        {clone.snapshot("before")}
        {clone.activate}
        {clone.activate}
        echo "$PS1"
        deactivate
        {clone.snapshot("after")}"""
    assert check(clone.run(script, AWS_PROFILE="prod", AWS_REGION="us-east-1")) == ["(faregate:local) > "]
    assert clone.shell_at("after") == clone.shell_at("before")
    assert clone.environment_at("after") == clone.environment_at("before")


def test_the_second_activation_sees_the_environment_that_the_first_one_found(clone: Clone) -> None:
    check(clone.run(f"{clone.activate}; {clone.activate}", AWS_PROFILE="prod"))
    assert clone.seen["AWS_PROFILE"] == "prod"
    assert "AWS_REGION" not in clone.seen


def test_a_failed_activation_leaves_the_shell_unchanged(clone: Clone) -> None:
    clone.answer(LINES, code=1)
    script = f"""
        {clone.snapshot("before")}
        {clone.activate} && echo activated
        echo "code $?"
        {clone.snapshot("after")}"""
    assert check(clone.run(script, AWS_PROFILE="prod")) == ["code 1"]
    assert clone.shell_at("after") == clone.shell_at("before")
    assert clone.environment_at("after") == clone.environment_at("before")


def test_a_failed_second_activation_leaves_the_first_one_active(clone: Clone) -> None:
    script = f"""
        {clone.snapshot("before")}
        {clone.activate}
        {clone.snapshot("active")}
        echo '#!/bin/sh' > {clone.path(".venv", "bin", "python")}
        echo 'exit 1' >> {clone.path(".venv", "bin", "python")}
        {clone.activate} || echo "code $?"
        {clone.snapshot("still")}
        deactivate
        {clone.snapshot("after")}"""
    assert check(clone.run(script, AWS_PROFILE="prod")) == ["code 1"]
    assert clone.environment_at("still") == clone.environment_at("active")
    assert clone.shell_at("after") == clone.shell_at("before")


def test_a_clone_without_tools_says_what_to_run(clone: Clone) -> None:
    shutil.rmtree(clone.root / ".venv")
    answer = clone.run(f"{clone.activate}; echo code $?")
    assert answer.stdout == "code 1\n"
    assert answer.stderr == "run `make up` first: it installs the tools and makes the instance\n"


@pytest.mark.parametrize("options", ["-eu", "-e", "-u", "-eu -o pipefail"])
def test_a_strict_script_can_activate_and_deactivate(clone: Clone, options: str) -> None:
    script = f'set {options}; {clone.activate}; echo "$AWS_REGION"; deactivate; echo "${{AWS_REGION-none}}"'
    assert check(clone.run(script)) == ["eu-central-1", "none"]


def test_a_strict_script_ends_where_the_activation_fails(clone: Clone) -> None:
    clone.answer("", code=1)
    answer = clone.run(f"set -eu; {clone.activate}; echo went on")
    assert (answer.returncode, answer.stdout) == (1, "")


def test_the_instance_is_local_unless_another_is_named(clone: Clone) -> None:
    check(clone.run(f"{clone.activate}"))
    check(clone.run(f"{clone.activate}", INSTANCE="blue"))
    check(clone.run(f"export INSTANCE=green; {clone.activate}"))
    assert clone.calls == [f"-P -m offline environment --instance {name}" for name in ("local", "blue", "green")]


def test_an_instance_that_stays_active_is_the_one_that_is_activated_again(clone: Clone) -> None:
    clone.answer(LINES.replace("INSTANCE local", "INSTANCE blue"))
    check(clone.run(f"{clone.activate}; {clone.activate}", INSTANCE="blue"))
    assert [call.split()[-1] for call in clone.calls] == ["blue", "blue"]


@pytest.mark.parametrize(("ambient", "restored"), [({}, "none"), ({"INSTANCE": "red"}, "red")])
def test_in_bash_an_instance_named_for_the_one_command_stays_until_deactivated(
    tmp_path: Path, ambient: dict[str, str], restored: str
) -> None:
    clone = make_clone(tmp_path / "clone", "bash", LINES.replace("INSTANCE local", "INSTANCE blue"))
    script = f"""
        INSTANCE=blue {clone.activate}
        echo "$INSTANCE"; env | grep '^INSTANCE='
        deactivate
        echo "${{INSTANCE-none}}" """
    assert check(clone.run(script, **ambient)) == ["blue", "INSTANCE=blue", restored]


def test_a_relative_path_works_from_any_folder_and_with_a_search_path_of_folders(clone: Clone) -> None:
    (clone.root / "elsewhere" / "offline").mkdir(parents=True)
    script = "source offline/activate; echo $AWS_REGION"
    assert check(clone.run(script, CDPATH=str(clone.root / "elsewhere"))) == ["eu-central-1"]
    script = "cd offline; source ./activate; echo $AWS_REGION"
    assert check(clone.run(script)) == ["eu-central-1"]


# ---- beside a Python environment


@pytest.fixture(scope="session")
def python_environment(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shell code that activates an environment as `python -m venv` makes it."""
    folder = tmp_path_factory.mktemp("other") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return f"source {shlex.quote(str(folder / 'bin' / 'activate'))}"


def test_a_python_environment_that_was_active_before_gets_its_deactivate_back(
    clone: Clone, python_environment: str
) -> None:
    script = f"""
        PS1='> '
        {clone.snapshot("before")}
        {python_environment}
        {clone.snapshot("python")}
        {clone.activate}
        {clone.snapshot("active")}
        deactivate
        {clone.snapshot("after")}
        deactivate
        {clone.snapshot("end")}"""
    check(clone.run(script))
    assert clone.environment_at("active")["AWS_REGION"] == "eu-central-1"
    assert clone.environment_at("after") == clone.environment_at("python")
    assert clone.shell_at("after") == clone.shell_at("python")
    assert clone.environment_at("end")["PATH"] == clone.environment_at("before")["PATH"]
    assert clone.environment_at("end").keys().isdisjoint({"VIRTUAL_ENV", "AWS_REGION"})


def test_activating_twice_over_a_python_environment_still_gives_its_deactivate_back(
    clone: Clone, python_environment: str
) -> None:
    script = f"""
        {python_environment}
        {clone.snapshot("python")}
        {clone.activate}
        {clone.activate}
        deactivate
        {clone.snapshot("after")}"""
    check(clone.run(script))
    assert clone.shell_at("after") == clone.shell_at("python")


def test_under_a_python_environment_that_was_activated_later_nothing_is_activated_again(
    clone: Clone, python_environment: str
) -> None:
    script = f"""
        {clone.activate}
        {python_environment}
        {clone.snapshot("before")}
        {clone.activate} || echo "code $?"
        {clone.snapshot("after")}"""
    answer = clone.run(script)
    assert answer.stdout == "code 1\n"
    assert answer.stderr == "another environment was activated after this one: `deactivate` it first\n"
    assert clone.shell_at("after") == clone.shell_at("before")


def test_after_a_later_python_environment_ended_activating_again_makes_deactivate_work(
    clone: Clone, python_environment: str
) -> None:
    script = f"""
        export PS1='> ' # no prompt at all is what an environment of Python does not give back
        {clone.snapshot("before")}
        {clone.activate}
        {python_environment}
        deactivate
        {clone.activate}
        deactivate
        {clone.snapshot("after")}"""
    check(clone.run(script))
    assert clone.environment_at("after") == clone.environment_at("before")


# ---- the real thing


@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_that_the_program_prints_are_understood(machine: Machine, tmp_path: Path, shell: str) -> None:
    made = make_instance("blue", "test")
    ambient = {
        "AWS_PROFILE": "prod",
        "AWS_CA_BUNDLE": "/a\nb",
        "CONTAINER_HOST": "ssh://elsewhere",
        "CONTAINERS_CONF": "/etc/mine.conf",
        "PATH": f"{machine.programs}:/usr/bin:/bin",
    }
    variables = compose(find_home("blue"), made, Cli(tmp_path / "pulumi", "PATH"), "eu-central-1", ambient)
    clone = make_clone(tmp_path / "clone", shell, to_shell(variables))
    check(clone.run(f"{clone.snapshot('before')}; {clone.activate}; {clone.snapshot('active')}", **ambient))
    ours = {name: value for name, value in variables.items() if value is not None}
    rest = {name: value for name, value in clone.environment_at("before").items() if name not in variables}
    assert clone.environment_at("active") == rest | ours
    assert "CONTAINER_HOST" not in clone.environment_at("active")


@pytest.mark.parametrize("shell", SHELLS)
def test_this_repositorys_own_file_activates_an_instance_from_another_folder(machine: Machine, shell: str) -> None:
    machine.install_pulumi({}, version=f"v{VERSION}")
    made = make_instance("blue", "test")
    script = f"source {REPOSITORY}/offline/activate && command -v pulumi && echo $AWS_ENDPOINT_URL $AWS_PROFILE"
    answer = Clone(machine.root, shell).run(
        script,
        INSTANCE="blue",
        AWS_PROFILE="prod",
        XDG_STATE_HOME=str(machine.state),
        XDG_CACHE_HOME=str(machine.cache),
        PATH=f"{machine.programs}:/usr/bin:/bin",
    )
    assert check(answer) == [str(machine.programs / "pulumi"), f"http://127.0.0.1:{made.ports.simulation}"]


@pytest.mark.parametrize("shell", SHELLS)
def test_while_active_podman_and_ansible_are_as_make_has_them_and_afterwards_as_they_were(
    machine: Machine, shell: str
) -> None:
    machine.install_pulumi({}, version=f"v{VERSION}")
    make_instance("blue", "test")
    clone = Clone(machine.root, shell)
    script = f"""
        {clone.snapshot("before")}
        source {REPOSITORY}/offline/activate
        {clone.snapshot("active")}
        deactivate
        {clone.snapshot("after")}"""
    ambient = {
        "INSTANCE": "blue",
        "CONTAINER_HOST": "ssh://elsewhere",
        "CONTAINERS_CONF": "/etc/mine.conf",
        "XDG_STATE_HOME": str(machine.state),
        "XDG_CACHE_HOME": str(machine.cache),
        "PATH": f"{machine.programs}:/usr/bin:/bin",
    }
    check(clone.run(script, **ambient))
    active = clone.environment_at("active")
    assert active["FAREGATE_CACHE"] == f"{machine.cache}/faregate"
    assert active["CONTAINERS_CONF"] == f"{machine.cache}/faregate/containers.conf"
    assert "CONTAINER_HOST" not in active
    assert active["PATH"].split(":")[-4:-1] == ["/usr/local/sbin", "/usr/sbin", "/sbin"]
    assert clone.environment_at("after") == clone.environment_at("before")


@pytest.mark.parametrize("shell", SHELLS)
def test_an_instance_that_does_not_exist_is_said_and_nothing_is_activated(machine: Machine, shell: str) -> None:
    answer = Clone(machine.root, shell).run(
        f"source {REPOSITORY}/offline/activate; echo code $? ${{AWS_REGION-none}}",
        INSTANCE="blue",
        XDG_STATE_HOME=str(machine.state),
    )
    assert answer.stdout == "code 1 none\n"
    assert answer.stderr == "error: instance blue does not exist: run `make up`\n"

"""Other programs through the same plugins: what a user's mistake looks like, and what is refused."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from .conftest import Completed, Environment

PREVIEW = "pulumi preview --non-interactive"


class Project:
    """A Pulumi project of its own in a temporary folder, run with the environment's tools."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder
        self._environment = environment

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(textwrap.dedent(text))

    def run(self, command: str, *, check: bool = True, **variables: str) -> Completed:
        backend = {"PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}"}
        settings = " ".join(f"{name}={value}" for name, value in {**backend, **variables}.items())
        return self._environment.shell(f"cd '{self.folder}' && export {settings} && {command}", check=check)


@pytest.fixture
def project(environment: Environment, tmp_path: Path) -> Project:
    made = Project(tmp_path, environment)
    made.write("Pulumi.yaml", "name: faregate\nruntime: python\nmain: program/\n")
    made.write("Pulumi.dev.yaml", "config:\n  faregate:cloud: simulated\n  aws:region: us-east-1\n")
    (tmp_path / "state").mkdir()
    made.run("pulumi stack init dev")
    return made


def test_a_misspelt_input_is_an_error_that_names_it(project: Project) -> None:
    project.write(
        "program/__main__.py",
        """
        import pulumi_aws as aws

        wanted = {"status": "Enabled", "mfaDeletes": "Enabled"}
        aws.s3.BucketVersioning("v", bucket="b", versioning_configuration=wanted)
        """,
    )

    ended = project.run(PREVIEW, check=False)

    assert ended.returncode != 0
    assert "versioningConfiguration.mfaDeletes" in ended.stdout
    assert "did you mean mfaDelete?" in ended.stdout


def test_a_program_s_error_shows_its_own_lines_only(project: Project) -> None:
    project.write("program/__main__.py", "def charge():\n    return 1 / 0\n\n\ncharge()\n")

    ended = project.run(PREVIEW, check=False)

    assert ended.returncode != 0
    assert "ZeroDivisionError: division by zero" in ended.stdout
    assert "in charge" in ended.stdout
    assert "offline/language" not in ended.stdout


def test_what_a_program_prints_is_shown(project: Project) -> None:
    project.write("program/__main__.py", "import pulumi\n\nprint('hello', pulumi.get_stack())\n")

    assert "hello dev" in project.run(PREVIEW).stdout


def test_a_secret_output_is_encrypted_in_the_state(project: Project) -> None:
    project.write("program/__main__.py", "import pulumi\n\npulumi.export('k', pulumi.Output.secret('p4ssw0rd'))\n")

    project.run("pulumi up --yes --skip-preview --non-interactive")

    assert "p4ssw0rd" not in project.run("pulumi stack export").stdout
    assert "p4ssw0rd" in project.run("pulumi stack output k --show-secrets").stdout


def test_a_policy_pack_is_run_and_can_refuse(project: Project) -> None:
    project.write("program/__main__.py", "import pulumi\n\npulumi.ComponentResource('faregate:x:Y', 'thing')\n")
    project.write("pack/PulumiPolicy.yaml", "runtime: python\nversion: 0.0.1\n")
    project.write(
        "pack/__main__.py",
        """
        from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy

        def refuse(args, report):
            report(f"{len(args.resources)} resources are too many")

        few = StackValidationPolicy("few", "few resources", refuse)
        PolicyPack("pack", enforcement_level=EnforcementLevel.MANDATORY, policies=[few])
        """,
    )

    ended = project.run(f"{PREVIEW} --policy-pack pack", check=False)

    assert ended.returncode != 0
    assert "resources are too many" in ended.stdout


@pytest.mark.parametrize("command", ["pulumi preview", "pulumi up --yes --skip-preview"])
def test_a_stack_of_a_real_account_is_refused(project: Project, command: str) -> None:
    project.write("program/__main__.py", "raise SystemExit('the program ran')\n")
    project.write("Pulumi.dev.yaml", (project.folder / "Pulumi.dev.yaml").read_text().replace("simulated", "aws"))

    ended = project.run(f"{command} --non-interactive", check=False)

    assert ended.returncode != 0
    assert "stack dev belongs to a real account and the offline tools are active" in ended.stdout
    assert "deactivate" in ended.stdout
    assert "the program ran" not in ended.stdout


def test_a_preview_of_a_real_account_s_stack_can_be_asked_for_and_an_up_can_not(project: Project) -> None:
    project.write("program/__main__.py", "print('the program ran')\n")
    project.write("Pulumi.dev.yaml", (project.folder / "Pulumi.dev.yaml").read_text().replace("simulated", "aws"))

    preview = project.run(PREVIEW, FAREGATE_PREVIEW="1")
    up = project.run("pulumi up --yes --skip-preview --non-interactive", check=False, FAREGATE_PREVIEW="1")

    assert "the program ran" in preview.stdout
    assert up.returncode != 0
    assert "the program ran" not in up.stdout

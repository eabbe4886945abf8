"""`ansible-playbook playbooks/site.yml`, natively: secrets are filled, once, and their values are nowhere else."""

from __future__ import annotations

from pathlib import Path

from .conftest import Environment

SITE = "ansible-playbook playbooks/site.yml"


def test_secrets_get_values_that_only_their_owner_can_read(environment: Environment) -> None:
    kept = _read_kept(environment)
    names = environment.outputs().secrets.model_dump()
    demo_key = kept.pop("demo_key")
    secretsmanager = environment.client("secretsmanager")
    filled = {role: secretsmanager.get_secret_value(SecretId=name)["SecretString"] for role, name in names.items()}
    assert filled == kept
    assert len({*kept.values(), demo_key}) == len(names) + 1 == 5
    assert min(map(len, kept.values())) == 40
    assert {oct(path.stat().st_mode & 0o777) for path in _folder(environment).iterdir()} == {"0o600"}


def test_a_second_run_changes_nothing_in_either_tool_and_tells_no_value(environment: Environment) -> None:
    printed = environment.shell(f"{SITE} -vvv").stdout
    exported = environment.shell("pulumi stack export -s local --show-secrets").stdout

    assert "changed=0" in printed
    assert "failed=0" in printed
    environment.shell("pulumi preview -s local --expect-no-changes")
    texts = [printed, exported, *(path.read_text(errors="replace") for path in _list_other_files(environment))]
    values = _read_kept(environment).values()
    assert len(values) == 5
    assert not [value for value in values for text in texts if value in text]


def test_check_mode_finds_nothing_to_change_either(environment: Environment) -> None:
    assert "changed=0" in environment.shell(f"{SITE} --check").stdout


def test_an_environment_that_can_not_be_read_stops_the_play(environment: Environment) -> None:
    ended = environment.shell(f"ENV=prod {SITE}", check=False)

    assert ended.returncode != 0
    assert "no stack named 'prod' found" in ended.stdout + ended.stderr
    assert "PLAY RECAP" not in ended.stdout


def _folder(environment: Environment) -> Path:
    return environment.home.folder / "secrets"


def _read_kept(environment: Environment) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in _folder(environment).iterdir()}


def _list_other_files(environment: Environment) -> list[Path]:
    """Return the instance's files, but for those that keep values and are their owner's only."""
    paths = [path for path in environment.home.folder.rglob("*") if path.is_file()]
    services = environment.home.services
    assert oct(services.stat().st_mode & 0o777) == "0o600"
    return [path for path in paths if _folder(environment) not in path.parents and path != services]

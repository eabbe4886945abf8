"""`stacks/Pulumi.<environment>.yaml`, read before Pulumi starts: a mistake in it is told in seconds, by its name."""

from __future__ import annotations

import json

from contract.notation import parse_yaml
from contract.problems import ContractError, Problem, describe_given
from infra.settings import Settings, parse_settings
from offline.environment import REPOSITORY

FOLDER = REPOSITORY / "stacks"


def list_environments() -> list[str]:
    """Return the environments that have a stack file."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in FOLDER.glob("Pulumi.*.yaml"))


def require_environment(environment: str) -> None:
    """Raise ContractError unless there is such an environment."""
    if environment not in list_environments():
        allowed = f"an environment that has a file in stacks/: {', '.join(list_environments())}"
        raise ContractError("ENV", [Problem("", describe_given(environment), allowed)])


def read_settings(environment: str) -> Settings:
    """Return the settings of an environment.

    Raises:
        ContractError: there is no such environment, or a setting is wrong.
    """
    require_environment(environment)
    path = FOLDER / f"Pulumi.{environment}.yaml"
    source = f"stacks/{path.name}"
    # A byte that is no UTF-8 becomes a character that no setting allows, so it is refused by the setting's name.
    document = parse_yaml(path.read_text(encoding="utf-8", errors="replace"), source)
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ContractError(source, [Problem("config", describe_given(config), "the settings, by name")])
    # As the engine would hand it over: text as it is, everything else as JSON.
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return parse_settings(texts, source)

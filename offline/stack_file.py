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
    return sorted(path.name.split(".")[1] for path in FOLDER.glob("Pulumi.*.yaml"))


def read_settings(environment: str) -> Settings:
    """Return the settings of an environment.

    Raises:
        ContractError: there is no such environment, or a setting is wrong.
    """
    path = FOLDER / f"Pulumi.{environment}.yaml"
    if environment not in list_environments():
        allowed = f"an environment that has a file in stacks/: {', '.join(list_environments())}"
        raise ContractError("ENV", [Problem("", describe_given(environment), allowed)])
    source = f"stacks/{path.name}"
    document = parse_yaml(path.read_text(), source)
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ContractError(source, [Problem("config", describe_given(config), "the settings, by name")])
    # As the engine would hand it over: text as it is, everything else as JSON.
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return parse_settings(texts, source)

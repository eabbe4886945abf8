"""What the program is told: the stack's settings and, where the cloud is simulated, the instance on this machine.

A mistake in either ends the program with the field's name before anything is registered, without a traceback.
"""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG

from contract.documents import read_instance
from contract.instance import Instance
from contract.problems import ContractError
from infra.settings import Settings, parse_settings

INSTANCE_VARIABLE = "FAREGATE_INSTANCE"
"""Path of the instance's record; `source offline/activate` and `make` set it."""


def read_stack_settings(environment: str) -> Settings:
    """Return the settings of the stack that is being run.

    Raises:
        RunError: a setting is missing, unknown or wrong.
    """
    try:
        return parse_settings(CONFIG.get(), f"stacks/Pulumi.{environment}.yaml")
    except ContractError as error:
        raise pulumi.RunError(str(error)) from None


def read_instance_here() -> Instance:
    """Return the instance that this run is for.

    Raises:
        RunError: none is active, or its record can't be read.
    """
    path = os.environ.get(INSTANCE_VARIABLE)
    if not path:
        raise pulumi.RunError("this stack runs on an instance and none is active: run `source offline/activate` first")
    try:
        return read_instance(Path(path))
    except ContractError as error:
        raise pulumi.RunError(str(error)) from None

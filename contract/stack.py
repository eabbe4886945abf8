"""An environment's outputs, asked of Pulumi."""

import json
import subprocess

from contract.documents import read_outputs
from contract.outputs import Outputs
from contract.problems import NOTHING, ContractError, Problem, describe_given


def ask_outputs(environment: str) -> Outputs:
    """Return what `pulumi stack output --json` says of an environment's stack.

    Raises:
        ContractError: Pulumi can't be run or refuses, or what it says can't be used; the text says why.
    """
    source = f"outputs of {environment}"
    command = ["pulumi", "stack", "output", "--json", "--stack", environment]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        allowed = f"the CLI on PATH: is `source offline/activate` active? ({error.strerror})"
        raise ContractError(source, [Problem("pulumi", NOTHING, allowed)]) from None
    if ended.returncode != 0:
        allowed = f"a stack that is up: is `source offline/activate` active? {ended.stderr.strip()}"
        raise ContractError(source, [Problem("", f"no answer of `{' '.join(command)}`", allowed)])
    try:
        outputs = json.loads(ended.stdout)
    except ValueError:
        outputs = None
    if not isinstance(outputs, dict):
        raise ContractError(source, [Problem("", describe_given(ended.stdout), "a JSON object")])
    return read_outputs(outputs, source)

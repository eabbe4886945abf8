"""The failures that are told as a sentence, never as a traceback: a person can do something about each."""

from __future__ import annotations

from contract.problems import ContractError
from offline.locks import LockHeld
from offline.ports import PortTaken
from offline.pulumi_cli import CliUnavailable
from offline.simulation import SimulationFailed
from offline.stack import PulumiFailed, StackBusy


class Refused(Exception):
    """The command can't be done as it was asked for; the text says what to do instead."""


KNOWN_FAILURES = (
    CliUnavailable,
    ContractError,
    LockHeld,
    OSError,  # a full disk, a folder that may not be written
    PortTaken,
    PulumiFailed,
    Refused,
    SimulationFailed,
    StackBusy,
)

"""The failures that are told as a sentence, never as a traceback: a person can do something about each."""

from __future__ import annotations

from contract.problems import ContractError
from offline.alerts import AlertsUnknown
from offline.completion import CompletionFailed
from offline.container_tools import ContainerToolsUnavailable
from offline.images import ImagesUnavailable
from offline.locks import LockHeld
from offline.playbook import PlaybookFailed
from offline.podman import NotOurs, PodmanFailed
from offline.ports import PortTaken
from offline.pulumi_cli import CliUnavailable
from offline.receipt import ReceiptMissing
from offline.simulation import SimulationFailed
from offline.stack import PulumiFailed, StackBusy


class Refused(Exception):
    """The command can't be done as it was asked for; the text says what to do instead."""


KNOWN_FAILURES = (
    AlertsUnknown,
    CliUnavailable,
    CompletionFailed,
    ContainerToolsUnavailable,
    ContractError,
    ImagesUnavailable,
    LockHeld,
    NotOurs,
    OSError,  # a full disk, a folder that may not be written
    PlaybookFailed,
    PodmanFailed,
    PortTaken,
    PulumiFailed,
    ReceiptMissing,
    Refused,
    SimulationFailed,
    StackBusy,
)

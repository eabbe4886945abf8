"""The failures that end the gateway and are told as sentences: a person can do something about each."""

from __future__ import annotations


class GatewayFailed(Exception):
    """The gateway can't go on; the text says why, one line for each reason."""


class SettingsRefused(GatewayFailed):
    """Environment variables, or files that they name, are missing or wrong."""


class ListeningFailed(GatewayFailed):
    """The gateway can't listen where it should."""

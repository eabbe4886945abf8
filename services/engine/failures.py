"""The failures that are told as sentences, never as a traceback: a person can do something about each."""

from __future__ import annotations


class EngineFailed(Exception):
    """The engine can't go on; the text says why, one line for each reason."""


class SettingsRefused(EngineFailed):
    """Environment variables are missing or wrong."""


class PullFailed(EngineFailed):
    """The model store did not give the artifact, or the cache could not take it."""


class ArtifactRefused(EngineFailed):
    """The model store holds something else than the artifact."""


class ServingFailed(EngineFailed):
    """llama.cpp can't serve the artifact, or no longer does."""

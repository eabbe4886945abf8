"""Environment variables, read as typed values: what every service's settings are made from."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping


class Variables:
    """Reads the variables that share a prefix and gathers what is wrong, so that all of it is said at once."""

    def __init__(self, prefix: str, environment: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._environment = environment
        self._known: list[str] = []
        self._problems: list[str] = []

    def text(self, name: str, pattern: str, allowed: str, default: str | None = None) -> str:
        """Return a variable that matches the pattern as a whole; empty where there is a problem."""
        given = self._find(name, allowed, default)
        if given is not None and not re.fullmatch(pattern, given):
            self._refuse(name, repr(given), allowed)
            return ""
        return given or ""

    def integer(self, name: str, lowest: int, highest: int, default: int | None = None) -> int:
        """Return an integer of that range; 0 where there is a problem."""
        allowed = f"an integer from {lowest} to {highest}"
        given = self._find(name, allowed, None if default is None else str(default))
        number = int(given) if given is not None and re.fullmatch(r"[0-9]{1,18}", given) else None
        if given is not None and (number is None or not lowest <= number <= highest):
            self._refuse(name, repr(given), allowed)
        return number or 0

    def address(self, name: str, default: str) -> str:
        """Return an IP address."""
        allowed = "an IP address"
        given = self._find(name, allowed, default) or ""
        try:
            ipaddress.ip_address(given)
        except ValueError:
            self._refuse(name, repr(given), allowed)
        return given

    def list_problems(self) -> list[str]:
        """Return what is missing or wrong, one line each; to be called once everything was read."""
        # Others are not ours: Kubernetes sets ENGINE_SERVICE_HOST where a service is called "engine".
        for name in sorted(self._environment):
            near = difflib.get_close_matches(name, self._known, n=1, cutoff=0.85)
            if name.startswith(self._prefix) and name not in self._known and near:
                self._problems.append(f"{name}: no such variable; did you mean {near[0]}?")
        return self._problems

    def _find(self, name: str, allowed: str, default: str | None) -> str | None:
        self._known.append(self._prefix + name)
        given = self._environment.get(self._prefix + name, default)
        if given is None:
            self._refuse(name, "nothing", f"{allowed} (required)")
        return given

    def _refuse(self, name: str, given: str, allowed: str) -> None:
        self._problems.append(f"{self._prefix}{name}: given {given}; allowed: {allowed}")

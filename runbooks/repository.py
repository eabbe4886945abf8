"""Where a run finds what it needs: pages, playbooks, their inventory and Ansible's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """A clone of this repository."""

    root: Path

    @property
    def pages(self) -> Path:
        return self.root / "runbooks" / "pages"

    @property
    def playbooks(self) -> Path:
        return self.root / "playbooks"

    @property
    def inventory(self) -> Path:
        return self.playbooks / "inventories" / "environment.py"

    @property
    def ansible_settings(self) -> Path:
        return self.root / "ansible.cfg"

    def list_playbooks(self) -> Sequence[str]:
        """Return the names of the playbooks, in order."""
        return sorted(path.name for path in self.playbooks.glob("*.yml"))

    def name(self, path: Path) -> str:
        """Return the path as people write it: from the root of the repository."""
        return str(path.relative_to(self.root))


OURS = Repository(Path(__file__).resolve().parent.parent)

"""A folder that looks like this repository, with pages and playbooks of a test's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from runbooks.repository import OURS, Repository

QUERY = """\
```yaml query
title: Water
expr: water
```
"""
QUESTION = """\
```yaml question
ask: Pump?
```
"""
PLAYBOOK = """\
```yaml playbook
playbook: pump.yml
```
"""
VERIFY = """\
```yaml verify
title: Dry
expr: water > 1
wanted: none
within_seconds: 1
```
"""
INVENTORY = """\
#!/usr/bin/env python3
import json, os, sys

name = os.environ["ENV"]
host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
print(json.dumps({"all": {"hosts": [name]}, "_meta": {"hostvars": {name: host}}}))
"""


def write_page(
    name: str = "Flood",
    *,
    meaning: str = "There is water. Too much of it.\n",
    impact: str = "Feet get wet.\n",
    diagnosis: str = QUERY,
    mitigation: str = f"{QUESTION}\n{PLAYBOOK}",
    verification: str = VERIFY,
) -> str:
    """Return a page; by default it has one step of each kind, and no mistake."""
    sections = {
        "Meaning": meaning,
        "Impact": impact,
        "Diagnosis": diagnosis,
        "Mitigation": mitigation,
        "Verification": verification,
    }
    return f"# {name}\n\n" + "\n".join(f"## {section}\n\n{text}" for section, text in sections.items())


def make_repository(root: Path, playbook: str = "", **pages: str) -> Repository:
    """Make a repository of these pages (by default `Flood`), whose playbook `pump.yml` has these tasks."""
    repository = Repository(root)
    repository.pages.mkdir(parents=True)
    for name, text in (pages or {"Flood": write_page()}).items():
        (repository.pages / f"{name}.md").write_text(text)
    repository.inventory.parent.mkdir(parents=True)
    repository.inventory.write_text(INVENTORY)
    repository.inventory.chmod(0o755)
    shutil.copy(OURS.ansible_settings, repository.ansible_settings)
    play = f"---\n- name: Pump\n  hosts: all\n  gather_facts: false\n  tasks:\n{playbook or '    []'}\n"
    (repository.playbooks / "pump.yml").write_text(play)
    return repository

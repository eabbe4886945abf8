#!/usr/bin/python
"""Ansible module: which secrets of workloads hold the values that they should.

A podman secret cannot change, so its name ends with a version: a random token, which says nothing of the value. What a
secret holds is asked of podman itself. Neither a copy of the value nor a digest of it is kept to compare with.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from pathlib import Path
from secrets import token_hex
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: podman_secrets
short_description: Find the podman secrets of workloads that must be made
description:
  - Changes nothing, and returns no value.
  - Fails if a secret is named like one of this instance's and is not, and if a value is missing.
options:
  instance:
    description: Name of the instance, the label of its secrets.
    type: str
    required: true
  workloads:
    description:
      - The secrets that each workload reads, by the workload's name, which is the label of its secrets.
      - Each is as in C(workloads.yml), of which C(secret) matters here.
    type: dict
    required: true
  folder:
    description: Where the values lie, one file a secret, with a line in it.
    type: path
    required: true
author: Faregate
"""

EXAMPLES = r"""
- name: Find secrets that do not hold what they should
  podman_secrets:
    instance: local
    workloads:
      gateway: [{name: ledger_password, secret: billing_database_gateway}]
    folder: /root/.local/state/faregate/local/secrets
  register: workload_secrets
"""

RETURN = r"""
names:
  description: What podman calls each secret of each workload; of one that must be made, what to call it.
  type: dict
  returned: always
unfit:
  description:
    - Secrets to make, each with its C(workload), its C(name) but for the version, the C(reason), what to call it
      (C(made)) and the C(file) with its value.
  type: list
  elements: dict
  returned: always
surplus:
  description: What podman calls secrets of these workloads that hold another value, or that they do not read.
  type: list
  elements: str
  returned: always
fit:
  description: Names of the workloads of which no secret must be made or removed.
  type: list
  elements: str
  returned: always
settled:
  description: Names of the workloads of which no secret must be removed.
  type: list
  elements: str
  returned: always
"""

MISSING, DIFFERENT = "is missing", "does not hold what its file does"

COMMAND_SECONDS = 120
"""Longest wait for a podman command; most take a tenth of a second."""

ATTEMPTS = 5
PAUSE_SECONDS = 0.1
"""How often podman's file of values is read: it is not written in one go."""


class SecretsFailed(Exception):
    """Podman failed, a value is missing, or a secret is not ours; the text says which and why, and no value."""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "workloads": {"type": "dict", "required": True},
            "folder": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    instance, folder = module.params["instance"], Path(module.params["folder"])
    names: dict[str, dict[str, str]] = {}
    unfit: list[dict[str, str]] = []
    surplus: list[str] = []
    fit, settled = [], []
    try:
        there = _list_secrets()
        for workload, reads in module.params["workloads"].items():
            prefixes = {read["secret"]: f"faregate-{instance}-{read['secret']}" for read in reads}
            for prefix in prefixes.values():
                _require_ours([it for it in there if _is_version(it, prefix)], instance)
            ours = [it for it in there if _belongs_to(it, instance, workload)]
            names[workload], made = _choose(prefixes, ours, folder)
            left = [it["Spec"]["Name"] for it in ours if it["Spec"]["Name"] not in names[workload].values()]
            unfit += [{"workload": workload, **secret} for secret in made]
            surplus += left
            settled += [workload] if not left else []
            fit += [workload] if not left and not made else []
    except (SecretsFailed, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, names=names, unfit=unfit, surplus=sorted(surplus), fit=fit, settled=settled)


def _choose(
    prefixes: dict[str, str], ours: list[dict[str, Any]], folder: Path
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return what podman calls, or will call, each secret of a workload, and those that must be made."""
    names, unfit = {}, []
    for secret, prefix in prefixes.items():
        file = folder / secret
        value = _read_file(file)
        versions = [it for it in ours if _is_version(it, prefix)]
        fit = [it["Spec"]["Name"] for it in versions if _read_value(it) == value]
        names[secret] = fit[-1] if fit else f"{prefix}-{token_hex(8)}"
        if not fit:
            reason = DIFFERENT if versions else MISSING
            unfit.append({"name": prefix, "reason": reason, "made": names[secret], "file": str(file)})
    return names, unfit


def _list_secrets() -> list[dict[str, Any]]:
    """Return all secrets on this machine, the oldest first."""
    ids = _podman("ls", "--quiet").stdout.split()
    if not ids:
        return []
    # Another command may have removed one since it was listed; the others are printed all the same.
    inspected = _podman("inspect", *ids, unless="no such secret")
    return sorted(json.loads(inspected.stdout or "[]"), key=lambda it: str(it["CreatedAt"]))


def _is_version(secret: dict[str, Any], prefix: str) -> bool:
    """Say whether a secret is named like one of this prefix. A version has no hyphen, and neither has a secret.

    So the secrets of instance `a` and those of instance `a-b` are never taken for each other's.
    """
    return re.fullmatch(re.escape(prefix) + "-[0-9a-f]{16}", secret["Spec"]["Name"]) is not None


def _belongs_to(secret: dict[str, Any], instance: str, workload: str) -> bool:
    labels = secret["Spec"].get("Labels") or {}
    return {"faregate.instance": instance, "faregate.workload": workload}.items() <= labels.items()


def _require_ours(found: list[dict[str, Any]], instance: str) -> None:
    for secret in found:
        if (secret["Spec"].get("Labels") or {}).get("faregate.instance") != instance:
            raise SecretsFailed(
                f"a secret named {secret['Spec']['Name']} exists that is not this instance's: remove it, "
                f"or choose another INSTANCE="
            )


def _read_file(file: Path) -> str:
    """Return the value that a secret should have."""
    try:
        value = file.read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError):
        value = ""
    if not value:
        raise SecretsFailed(f"secret {file.name} has no value: {file} is no file with a line")
    return value


def _read_value(secret: dict[str, Any]) -> str | None:
    """Return the value that a secret has, nothing where podman has none.

    Podman 4.3 prints no value, so the file is read in which its driver keeps them.
    """
    file = Path(secret["Spec"]["Driver"]["Options"].get("path", ""), "secretsdata.json")
    for _ in range(ATTEMPTS):
        try:
            kept = json.loads(file.read_bytes()).get(secret["ID"])
            return None if kept is None else base64.b64decode(kept).decode(errors="replace")
        except ValueError:
            time.sleep(PAUSE_SECONDS)
        except OSError as error:
            raise SecretsFailed(f"what podman keeps in secrets can't be read: {error}") from None
    raise SecretsFailed(f"what podman keeps in secrets can't be read: {file} is not understood")


def _podman(*arguments: str, unless: str = "\0") -> subprocess.CompletedProcess[str]:
    """Run a podman command on secrets; a complaint that says `unless` is no failure."""
    ended = subprocess.run(
        ["podman", "secret", *arguments],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=COMMAND_SECONDS,
    )
    if ended.returncode != 0 and unless not in ended.stderr:
        raise SecretsFailed(f"podman secret {arguments[0]}: {ended.stderr.strip()}")
    return ended


if __name__ == "__main__":
    main()

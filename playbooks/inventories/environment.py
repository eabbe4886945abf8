#!/usr/bin/env python3
"""The inventory of one environment: its outputs, the catalog, and of an instance its record and where it keeps files.

Ansible runs this with `--list`. The environment is named by ENV (default: local).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from contract.documents import read_catalog, read_instance, read_outputs
from contract.problems import ContractError


def main() -> int:
    environment = os.environ.get("ENV") or "local"
    try:
        ended = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", environment], capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            print(ended.stderr.strip(), file=sys.stderr)
            return 1
        outputs = read_outputs(json.loads(ended.stdout), f"outputs of {environment}")
        variables = {
            "outputs": outputs.model_dump(mode="json"),
            "catalog": read_catalog().model_dump(mode="json"),
            "ansible_python_interpreter": sys.executable,
        }
        if record := os.environ.get("FAREGATE_INSTANCE"):
            variables["instance"] = read_instance(Path(record)).model_dump(mode="json")
            variables["instance_folder"] = str(Path(record).parent)
    except (ContractError, FileNotFoundError) as error:
        print(f"{error}; is `source offline/activate` active?", file=sys.stderr)
        return 1
    host = {"ansible_connection": "local", **variables}
    print(json.dumps({"all": {"hosts": [environment]}, "_meta": {"hostvars": {environment: host}}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

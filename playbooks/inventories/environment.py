#!/usr/bin/env python3
"""The inventory of one environment: its outputs, the catalog, and of an instance its record and where it keeps files.

Ansible runs this with `--list`. The environment is named by ENV (default: local).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from contract.documents import read_catalog, read_instance
from contract.problems import ContractError
from contract.stack import ask_outputs


def main() -> int:
    environment = os.environ.get("ENV") or "local"
    try:
        outputs = ask_outputs(environment)
        variables = {
            "outputs": outputs.model_dump(mode="json"),
            "catalog": read_catalog().model_dump(mode="json"),
            "ansible_python_interpreter": sys.executable,
        }
        if record := os.environ.get("FAREGATE_INSTANCE"):
            variables["instance"] = read_instance(Path(record)).model_dump(mode="json")
            variables["instance_folder"] = str(Path(record).parent)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    host = {"ansible_connection": "local", **variables}
    print(json.dumps({"all": {"hosts": [environment]}, "_meta": {"hostvars": {environment: host}}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

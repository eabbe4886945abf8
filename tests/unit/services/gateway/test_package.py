from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import services.gateway

PACKAGE = Path(services.gateway.__file__).parent


def test_the_gateway_imports_only_what_its_image_holds() -> None:
    imported = set(_list_imports())
    ours = {name for name in imported if name.startswith(("services.", "contract.", "services", "contract"))}

    assert {name.split(".")[0] for name in imported - ours} - sys.stdlib_module_names == {
        "aiohttp",
        "prometheus_client",
        "psycopg",
    }
    assert {name for name in ours if not name.startswith(("services.gateway", "contract."))} == {
        "services.billing.ledger",
        "services.variables",
    }


def _list_imports() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield str(node.module)

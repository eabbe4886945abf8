from __future__ import annotations

import ast
import sys
from pathlib import Path

import services.engine

PACKAGE = Path(services.engine.__file__).parent


def test_the_engine_imports_only_what_its_image_holds() -> None:
    imported = {
        name.split(".")[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _list_names(node)
        if not name.startswith(("services.engine.", "services.variables.")) and name != "services.engine"
    }

    assert imported - sys.stdlib_module_names == {"boto3", "botocore", "xllamacpp"}


def _list_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []

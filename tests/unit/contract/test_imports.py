"""Everything may import the contract, so it imports nothing of ours, and no Pulumi."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOWED = {"contract", "pydantic", "pydantic_core", "yaml"}


def find_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield str(node.module).partition(".")[0]


def test_the_contract_imports_only_pydantic_yaml_and_the_standard_library(repository: Path) -> None:
    modules = sorted((repository / "contract").rglob("*.py"))
    strangers = {
        f"{path.name} imports {name}"
        for path in modules
        for name in find_imports(path)
        if name not in ALLOWED | sys.stdlib_module_names
    }
    assert len(modules) >= 10
    assert strangers == set()

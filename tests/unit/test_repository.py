"""Rules that hold for the repository as a whole: who may import whom, and that its documents speak of what exists."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
OURS = ("contract", "dashboards", "infra", "loadtests", "offline", "playbooks", "runbooks", "services")

# What each folder may import of ours; nobody imports what is not named.
ALLOWED = {
    "contract": {"contract"},
    "dashboards": {"contract", "dashboards"},
    "infra": {"contract", "infra"},
    "loadtests": {"contract", "loadtests"},
    "offline": {"contract", "infra", "offline"},
    "playbooks": {"contract"},
    "runbooks": {"contract", "runbooks"},
    "services": {"contract", "services"},
}


def _list_files(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [REPOSITORY / line for line in listed.stdout.splitlines() if (REPOSITORY / line).exists()]


def _find_imports(folder: str) -> Iterator[tuple[Path, str]]:
    for path in _list_files(f"{folder}/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_dependencies_point_one_way(folder: str) -> None:
    imports = list(_find_imports(folder))

    wrong = [
        f"{path.relative_to(REPOSITORY)} imports {module}"
        for path, module in imports
        if module.split(".")[0] in OURS and module.split(".")[0] not in ALLOWED[folder]
    ]
    assert imports
    assert wrong == []


@pytest.mark.parametrize("folder", ["contract", "dashboards", "loadtests", "playbooks", "runbooks", "services"])
def test_nothing_outside_infra_and_offline_imports_pulumi(folder: str) -> None:
    modules = {module.split(".")[0] for _, module in _find_imports(folder)}

    assert modules
    assert not [module for module in modules if module.startswith("pulumi")]


def test_what_offline_takes_from_infra_is_pure() -> None:
    taken = {module for _, module in _find_imports("offline") if module.split(".")[0] == "infra"}

    assert taken == {"infra.settings"}
    for name in ("settings", "subnets"):
        source = (REPOSITORY / "infra" / f"{name}.py").read_text()
        assert "import pulumi" not in source


def test_lock_files_name_no_registry() -> None:
    locks = [*_list_files("requirements/*.txt"), *_list_files("offline/pulumi/go.*")]

    assert len(locks) == 8
    assert [path.name for path in locks if re.search(r"https?://|index-url|proxy\.", path.read_text())] == []


def test_every_locked_package_is_hashed() -> None:
    lock = (REPOSITORY / "requirements" / "lock.txt").read_text()
    packages = re.findall(r"^[a-z0-9].*==.*$", lock, re.MULTILINE)

    assert len(packages) > 100
    assert [line for line in packages if not line.endswith("\\")] == []


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {
        (document.name, target)
        for document in _list_files("*.md", ".ci/run")
        if "docs/architecture" not in str(document)  # it speaks of what is designed, too
        for target in re.findall(r"(?:`|^\s+)make ([a-z][a-z0-9-]*)", document.read_text(), re.MULTILINE)
    }

    assert ("README.md", "up") in named
    assert sorted(f"{document}: make {target}" for document, target in named if target not in targets) == []


def test_every_link_between_documents_leads_somewhere() -> None:
    links = [
        (document, link.split("#")[0])
        for document in _list_files("*.md")
        for link in re.findall(r"\]\(([^)]+)\)", document.read_text())
        if not link.startswith(("http", "#"))
    ]

    assert links
    assert [f"{document.name}: {link}" for document, link in links if not (document.parent / link).exists()] == []


def test_no_file_holds_a_path_of_somebody_s_machine() -> None:
    pattern = re.compile(r"/(work|home|Users)/[a-z]")
    texts = [path for path in _list_files() if path.suffix not in (".sum", ".txt") and path.name != "LICENSE"]

    found = [
        str(path.relative_to(REPOSITORY))
        for path in texts
        if path != Path(__file__) and pattern.search(path.read_text(errors="replace"))
    ]
    assert len(texts) > 50
    assert found == []

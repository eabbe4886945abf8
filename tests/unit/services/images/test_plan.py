"""A reference changes with whatever its image is made from, and with nothing else."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from services.images import bases, definitions
from services.images.plan import Image, Packages, plan
from tests.unit.services.images.conftest import ROOT, write_sources

REGISTRY = "localhost/test"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_sources(tmp_path)
    return tmp_path


def refer(root: Path) -> dict[str, str]:
    """Return every reference, of bases and packages too, by its name."""
    return dict(_refer(plan(root, REGISTRY)))


def _refer(images: list[Image]) -> Iterator[tuple[str, str]]:
    for image in images:
        below = image.below
        parts = (image, below, below.base) if isinstance(below, Packages) else (image, below)
        for part in parts:
            yield part.reference.removeprefix(f"{REGISTRY}/").split(":")[0], part.reference


def find_changed(root: Path, before: dict[str, str]) -> set[str]:
    return {name for name, reference in refer(root).items() if before.get(name) != reference}


METER = {"meter"}
PACKAGES = {"packages-meter", "meter"}
PYTHON = {"base-python", "packages-meter", "meter"}
EVERYTHING = {"base-plain", "balancer", *PYTHON}


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("services/meter/__init__.py", METER),
        ("services/meter/tables/first.sql", METER),
        ("services/__init__.py", METER),
        ("services/images/meter.Containerfile", METER),
        ("services/images/packages.Containerfile", PACKAGES),
        ("requirements/meter.txt", PACKAGES),
        ("services/images/balancer.Containerfile", {"balancer"}),
        ("services/meter/__pycache__/old.pyc", set()),
        ("services/images/plan.py", set()),
    ],
)
def test_one_more_byte_in_a_file_changes_what_is_made_from_it(root: Path, path: str, changed: set[str]) -> None:
    before = refer(root)
    with (root / path).open("a") as file:
        file.write("\n")

    assert find_changed(root, before) == changed


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("[balancer]", "[balancer, curl]", {"base-plain", "balancer"}),
        ("usr/share/toys", "usr/share/games", {"base-plain", "balancer"}),
        ("[zlib, python3]", "[zlib]", PYTHON),
        ("[zlib, python3]", "[python3, zlib]", set()),
        ("bookworm", "trixie", EVERYTHING),
        ("revision: 1", "revision: 2", EVERYTHING),
        ('"3.11"', '"3.12"', PACKAGES),
        ('"2.36"', '"2.37"', PACKAGES),
        ("      services/meter: services/meter", "      meter: services/meter", METER),
        ("base: plain", "base: python", {"balancer"}),
    ],
)
def test_a_changed_definition_changes_what_is_made_from_it(root: Path, old: str, new: str, changed: set[str]) -> None:
    before = refer(root)
    file = root / "services" / "images" / "images.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))

    assert find_changed(root, before) == changed


def test_a_renamed_new_or_removed_source_changes_the_image(root: Path) -> None:
    source = root / "services" / "meter" / "tables" / "first.sql"
    before = refer(root)

    source.rename(source.with_name("second.sql"))
    renamed = refer(root)
    source.write_text("select 1;\n")
    both = refer(root)
    source.with_name("second.sql").unlink()

    assert len({before["meter"], renamed["meter"], both["meter"]}) == 3
    assert refer(root) == before


def test_times_modes_and_the_place_of_the_clone_do_not_matter(root: Path, tmp_path: Path) -> None:
    before = refer(root)
    source = root / "services" / "meter" / "__init__.py"
    os.utime(source, (1, 1))
    source.chmod(0o600)
    assert refer(root) == before

    elsewhere = tmp_path / "elsewhere"
    write_sources(elsewhere)
    assert refer(elsewhere) == before


def test_another_kind_of_machine_has_other_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = refer(root)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    assert find_changed(root, before) == EVERYTHING


@pytest.mark.parametrize(
    ("name", "value"), [("CHANGES", ("ENV PATH=/bin",)), ("_ADD_USER", "true"), ("_FINISH", "true")]
)
def test_how_bases_are_made_is_part_of_what_they_are_made_from(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    before = refer(root)
    monkeypatch.setattr(bases, name, value)

    assert find_changed(root, before) == EVERYTHING


def test_the_registry_only_goes_before_the_name(root: Path) -> None:
    [image] = plan(root, "registry.test:5000/a", ["balancer"])

    assert image.reference == refer(root)["balancer"].replace(REGISTRY, "registry.test:5000/a")
    assert re.fullmatch(r"registry\.test:5000/a/balancer:[0-9a-f]{12}", image.reference)


def test_every_image_of_this_repository_can_be_planned_and_knows_its_port() -> None:
    ports = {
        image.name: " ".join(re.findall(r"^EXPOSE (.+)$", image.containerfile.read_text(), re.MULTILINE))
        for image in plan(ROOT, REGISTRY)
    }
    assert ports == {
        "alertmanager": "9093",
        "database": "5432",
        "engine": "8000",
        "gateway": "8000 8001",
        "load-balancer": "8000",
        "prometheus": "9090",
        "simulation": "5000",
    }


def test_every_image_of_this_repository_runs_as_the_user_in_the_foreground() -> None:
    for name in definitions.read(ROOT).images:
        lines = (ROOT / definitions.FILE.parent / f"{name}.Containerfile").read_text().splitlines()
        assert lines[:2] == ["ARG BASE", "FROM ${BASE}"]
        assert "USER faregate" in lines
        assert [
            line for line in lines if line.startswith("RUN") and lines.index(line) > lines.index("USER faregate")
        ] == []
        assert lines[-1].startswith('ENTRYPOINT ["')


def test_every_containerfile_belongs_to_an_image() -> None:
    names = {path.stem for path in (ROOT / definitions.FILE.parent).glob("*.Containerfile")}

    assert names == set(definitions.read(ROOT).images) | {"packages"}


def test_packages_come_before_sources_so_that_a_changed_source_costs_little() -> None:
    for name in yaml.safe_load((ROOT / definitions.FILE).read_text())["images"]:
        assert "COPY packages" not in (ROOT / definitions.FILE.parent / f"{name}.Containerfile").read_text()

"""Definitions that cannot be used are refused with the field, what was given and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.problems import ContractError
from services.images import definitions
from tests.unit.services.images.conftest import write_sources


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("suite: bookworm", "suite: Book Worm", "debian.suite"),
        ('"3.11"', "3.11", "debian.python"),
        ('"3.11"', '"3"', "debian.python"),
        ('"2.36"', '"new"', "debian.glibc"),
        ("revision: 1", "revision: 0", "debian.revision"),
        ("[balancer]", "[balancer, --variant=x]", "bases.plain[1]"),
        ("[balancer]", '["a,b"]', "bases.plain[0]"),
        ("  plain: [balancer]", "  Plain: [balancer]", "bases.Plain"),
        ("plain: [usr", "plane: [usr", "left_out.plane"),
        ("[usr/share/toys]", "[/usr/share/toys]", "left_out.plain[0]"),
        ("base: plain", "base: nothing", "images.balancer.base"),
        ("base: plain", "bass: plain", "images.balancer.bass"),
        ("requirements: requirements/", "requirements: /etc/", "images.meter.requirements"),
        ("services/meter: services/meter", "services/meter: ../meter", "images.meter.sources.services/meter"),
        ("services/meter: services/meter", "a/../../b: services/meter", "images.meter.sources.a/../../b"),
        ("  balancer:\n", "  -balancer:\n", "images.-balancer"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    write_sources(tmp_path)
    file = tmp_path / definitions.FILE
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))

    with pytest.raises(ContractError) as refused:
        definitions.read(tmp_path)

    assert f"services/images/images.yaml: {field}: given " in str(refused.value)
    assert "; allowed: " in str(refused.value)


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    write_sources(tmp_path)

    read = definitions.read(tmp_path)

    assert read.bases == {"plain": ("balancer",), "python": ("zlib", "python3")}
    assert read.images["meter"].sources["services/meter"] == "services/meter"
    assert read.images["balancer"].requirements is None

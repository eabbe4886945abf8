"""What goes wrong is one sentence, with the last lines of the tool if it was one, and leaves nothing half made."""

from __future__ import annotations

import pytest

from tests.unit.services.images.conftest import Clone


def test_an_unknown_image_is_refused_with_the_nearest(clone: Clone) -> None:
    assert clone.refuse("build", "metre") == (
        "error: there is no image 'metre'; allowed: one of balancer, meter (did you mean meter?)"
    )
    assert clone.read_calls() == []


@pytest.mark.parametrize("command", ["build", "list"])
@pytest.mark.parametrize(
    "missing",
    [
        "requirements/meter.txt",
        "services/images/meter.Containerfile",
        "services/images/packages.Containerfile",
        "services/meter",
    ],
)
def test_a_missing_part_is_named_before_anything_is_built(clone: Clone, command: str, missing: str) -> None:
    (clone.root / missing).rename(clone.root / "elsewhere")

    assert clone.refuse(command) == f"error: image meter: there is no {missing}"
    assert clone.read_calls() == []


def test_a_source_folder_with_compiled_files_only_is_missing(clone: Clone) -> None:
    (clone.root / "services" / "meter" / "__init__.py").unlink()
    (clone.root / "services" / "meter" / "tables" / "first.sql").unlink()

    assert clone.refuse("list") == "error: image meter: there is no file in services/meter"


@pytest.mark.parametrize(
    ("tool", "advice"),
    [
        ("podman", "install it (Debian: apt-get install podman)"),
        ("mmdebstrap", "install it (Debian: apt-get install mmdebstrap)"),
        ("uv", "run `make tools`"),
    ],
)
def test_a_missing_tool_is_named_with_how_to_get_it(clone: Clone, tool: str, advice: str) -> None:
    ((clone.python.parent if tool == "uv" else clone.programs) / tool).unlink()

    assert clone.refuse("build") == f"error: {tool} is not here: {advice}"
    assert list(clone.temporary.iterdir()) == []


def test_a_failed_base_is_not_imported(clone: Clone) -> None:
    clone.let("fail-mmdebstrap", "".join(f"line {number}\n" for number in range(30)))

    said = clone.refuse("build", "meter").splitlines()

    assert said[0] == "error: base-python: mmdebstrap failed with exit code 7; its last lines:"
    assert [line.strip() for line in said[1:]] == [f"line {number}" for number in range(20, 30)]
    assert clone.read_calls("podman", "import") == []
    assert list(clone.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("tool", "sentence"),
    [
        ("uv", "packages-meter: uv failed with exit code 7; its last lines:"),
        ("import", "base-python: podman failed with exit code 7; its last lines:"),
        ("build", "packages-meter: podman failed with exit code 7; its last lines:"),
    ],
)
def test_a_failed_tool_is_named_with_what_it_worked_for(clone: Clone, tool: str, sentence: str) -> None:
    clone.let(f"fail-{tool}", "it is broken\n")

    assert clone.refuse("build", "meter") == f"error: {sentence}\n  it is broken"
    assert list(clone.temporary.iterdir()) == []


def test_a_tool_that_fails_without_a_word_is_told_so(clone: Clone) -> None:
    clone.let("fail-uv")

    assert clone.refuse("build", "meter").endswith("; its last lines: nothing")


def test_what_was_made_before_a_failure_is_not_made_again(clone: Clone) -> None:
    clone.let("fail-uv", "no network\n")
    clone.refuse("build", "meter")
    (clone.fake / "fail-uv").unlink()

    assert len(clone.build("meter")[1]) == 2
    assert len(clone.read_calls("mmdebstrap")) == 1


def test_podman_that_cannot_say_is_not_taken_for_a_missing_image(clone: Clone) -> None:
    clone.let("fail-exists")

    said = clone.refuse("build", "balancer")

    assert "podman failed with exit code 125; its last lines:\n  no store" in said
    assert clone.read_calls("mmdebstrap") == []


def test_definitions_that_cannot_be_used_name_the_field(clone: Clone) -> None:
    clone.edit_images("base: plain", "base: plane")

    assert clone.refuse("list") == (
        "error: services/images/images.yaml: images.balancer.base: given 'plane' (a string); "
        "allowed: one of plain, python (did you mean plain?)"
    )


def test_definitions_that_are_absent_or_no_text_are_told_in_a_sentence(clone: Clone) -> None:
    file = clone.root / "services" / "images" / "images.yaml"
    file.write_bytes(b"debian: \xff")
    assert clone.refuse("list").endswith("given the byte 0xff at offset 8; allowed: text in UTF-8")

    file.unlink()
    assert "images.yaml" in clone.refuse("list")

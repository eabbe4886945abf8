"""`build` makes what is missing, from the bottom up, with the command lines that keep network and machine out of it."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path

from tests.unit.services.images.conftest import Clone


def name_made(references: list[str]) -> list[str]:
    return [re.sub(r"^localhost/faregate/(.*):[0-9a-f]{12}$", r"\1", reference) for reference in references]


def list_tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): f"{path.stat().st_mode & 0o777:o}" for path in folder.rglob("*")}


def test_everything_missing_is_built_from_the_bottom_up(clone: Clone) -> None:
    references, built = clone.build()

    assert sorted(references) == ["balancer", "meter"]
    assert name_made(built) == ["base-plain", "base-python", "packages-meter", "balancer", "meter"]
    assert set(references.values()) < set(built)


def test_standard_output_holds_one_document_and_standard_error_the_progress(clone: Clone) -> None:
    done = clone.run("build")

    assert json.loads(done.stdout)["built"]
    assert done.stderr.splitlines() == [
        "base-plain: installing Debian's packages (about half a minute)",
        "base-python: installing Debian's packages (about half a minute)",
        "packages-meter: fetching Python packages",
        "packages-meter: building",
        "balancer: building",
        "meter: building",
    ]


def test_what_is_there_is_not_built_again(clone: Clone) -> None:
    first, _ = clone.build()
    before = len(clone.read_calls())

    references, built = clone.build()

    assert (references, built) == (first, [])
    assert [call[:3] for call in clone.read_calls()[before:]] == [["podman", "image", "exists"]] * 2


def test_a_changed_source_costs_one_image(clone: Clone) -> None:
    clone.build()
    before = len(clone.read_calls())
    (clone.root / "services" / "meter" / "__init__.py").write_text("changed = True\n")

    _, built = clone.build()

    assert name_made(built) == ["meter"]
    assert [call for call in clone.read_calls()[before:] if call[0] in ("uv", "mmdebstrap")] == []


def test_a_changed_lock_file_costs_the_packages_and_what_lies_on_them(clone: Clone) -> None:
    clone.build()
    (clone.root / "requirements" / "meter.txt").write_text("meters==2\n")

    assert name_made(clone.build()[1]) == ["packages-meter", "meter"]


def test_a_changed_base_costs_what_lies_on_it(clone: Clone) -> None:
    clone.build()
    clone.edit_images("[balancer]", "[balancer, curl]")

    assert name_made(clone.build()[1]) == ["base-plain", "balancer"]


def test_only_named_images_are_built(clone: Clone) -> None:
    references, built = clone.build("balancer")

    assert list(references) == ["balancer"]
    assert name_made(built) == ["base-plain", "balancer"]


def test_an_image_may_be_built_though_a_part_of_another_is_missing(clone: Clone) -> None:
    (clone.root / "requirements" / "meter.txt").unlink()

    assert list(clone.build("balancer")[0]) == ["balancer"]


def test_images_are_built_without_network_proxy_or_pull(clone: Clone) -> None:
    references, built = clone.build("meter")

    *options, context = clone.read_calls("podman", "build")[-1]
    assert set(options[2:]) == {
        "--isolation=oci",
        "--network=none",
        "--http-proxy=false",
        "--pull=never",
        "--layers=false",
        f"--build-arg=BASE={built[1]}",
        "--label=faregate.image=meter",
        f"--tag={references['meter']}",
        f"--file={clone.root}/services/images/meter.Containerfile",
    }
    assert name_made([built[1]]) == ["packages-meter"]
    assert context.startswith(str(clone.temporary))
    assert (clone.fake / "tmpdir").read_text().strip().startswith(str(clone.temporary / "faregate-images-"))


def test_packages_lie_on_their_base(clone: Clone) -> None:
    _, built = clone.build("meter")

    command = clone.read_calls("podman", "build")[0]
    assert f"--build-arg=BASE={built[0]}" in command
    assert f"--file={clone.root}/services/images/packages.Containerfile" in command


def test_wheels_are_locked_and_chosen_for_the_python_of_the_image(clone: Clone) -> None:
    clone.edit_images('"3.11"', '"3.13"')
    clone.edit_images('"2.36"', '"2.41"')
    clone.build("meter")

    [command] = clone.read_calls("uv")
    target = next(option for option in command if option.startswith("--target="))
    assert command[1:3] == ["pip", "install"]
    assert set(command[3:]) == {
        f"--python={clone.python}",
        "--link-mode=copy",
        target,
        f"--requirements={clone.root}/requirements/meter.txt",
        "--require-hashes",
        "--only-binary=:all:",
        "--python-version=3.13",
        f"--python-platform={platform.machine()}-manylinux_2_41",
    }


def test_contexts_hold_what_is_copied_readable_for_every_user(clone: Clone) -> None:
    clone.build("meter", umask=0o077)

    assert list_tree(clone.fake / "contexts" / "packages-meter") == {
        "packages": "755",
        "packages/meters.py": "644",
        "packages/meters.libs": "755",
        "packages/meters.libs/program": "755",
    }
    assert list_tree(clone.fake / "contexts" / "meter") == {
        "source": "755",
        "source/services": "755",
        "source/services/__init__.py": "644",
        "source/services/meter": "755",
        "source/services/meter/__init__.py": "644",
        "source/services/meter/tables": "755",
        "source/services/meter/tables/first.sql": "644",
    }
    copied = clone.fake / "contexts" / "meter" / "source" / "services" / "meter" / "tables" / "first.sql"
    assert copied.read_text() == "select 1;\n"


def test_a_base_is_debian_with_the_user_and_without_this_machine_s_name_and_resolver(clone: Clone) -> None:
    clone.build("meter")

    [command] = clone.read_calls("mmdebstrap")
    assert "--include=python3,zlib" in command
    assert command[-2:-1] == ["bookworm"]
    assert "--skip=cleanup/run" in command
    [user] = [option for option in command if option.startswith("--essential-hook=")]
    assert "faregate:x:999:999:" in user
    assert "/etc/group" in user
    [finish] = [option for option in command if option.startswith("--customize-hook=")]
    assert {"/run/secrets", "/etc/hostname", "/etc/resolv.conf"} <= {word.split("$1")[-1] for word in finish.split()}


def test_an_imported_base_has_a_path(clone: Clone) -> None:
    clone.build("balancer")

    [command] = clone.read_calls("podman", "import")
    assert "--change=ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin" in command


def test_bases_are_made_at_the_same_time(clone: Clone) -> None:
    clone.let("meet")

    assert name_made(clone.build()[1])[:2] == ["base-plain", "base-python"]


def test_nothing_temporary_stays(clone: Clone) -> None:
    clone.build()

    assert list(clone.temporary.iterdir()) == []


def test_the_registry_is_the_caller_s(clone: Clone) -> None:
    done = clone.run("build", "--registry", "localhost/mine", "balancer")

    answer = json.loads(done.stdout)
    assert answer["references"]["balancer"].startswith("localhost/mine/balancer:")
    assert answer["built"][0].startswith("localhost/mine/base-plain:")


def test_list_names_everything_and_needs_no_tool(clone: Clone) -> None:
    (clone.programs / "podman").unlink()

    listed = json.loads(clone.run("list", "--registry", "localhost/mine").stdout)

    assert sorted(listed) == ["balancer", "meter"]
    assert clone.read_calls() == []


def test_list_and_build_agree(clone: Clone) -> None:
    assert json.loads(clone.run("list").stdout) == clone.build()[0]


def test_tools_see_the_configuration_that_the_caller_chose(clone: Clone) -> None:
    clone.build()

    seen = (clone.fake / "configurations").read_text().splitlines()
    assert len(seen) == len(clone.read_calls())
    assert set(seen) == {"the caller's"}

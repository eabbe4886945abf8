"""The Kubernetes provider that renders: objects become files, and files are what it knows of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from offline.plugins.wire import UNKNOWN

from .client import Failed, Properties, ProviderClient, connect
from .processes import plugin_environment, run_plugin

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderClient]:
    """Return a provider; each test configures it with a folder of its own."""
    folder = tmp_path_factory.mktemp("kubernetes")
    with (
        run_plugin("pulumi-resource-kubernetes", folder, plugin_environment()) as plugin,
        connect(plugin.address) as provider,
    ):
        yield provider


@pytest.fixture
def kubernetes(provider: ProviderClient, tmp_path: Path) -> ProviderClient:
    """Return the provider, rendering into `tmp_path`."""
    provider.configure(renderYamlToDirectory=str(tmp_path))
    return provider


def make_config_map(name: str = "settings", namespace: str = "serving", **data: str) -> Properties:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "faregate"}},
        "data": data or {"workers": "4"},
    }


def files_in(folder: Path) -> dict[str, Any]:
    """Return the objects by file; there is nothing but objects, not even a hidden file."""
    return {
        str(path.relative_to(folder)): yaml.safe_load(path.read_text())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


FILE = "1-manifest/v1-configmap-serving-settings.yaml"


def test_an_object_becomes_a_file_that_reads_back_without_a_difference(
    kubernetes: ProviderClient, tmp_path: Path
) -> None:
    inputs = make_config_map()

    checked = kubernetes.check(CONFIG_MAP, inputs)
    created = kubernetes.create(CONFIG_MAP, checked.inputs)
    live = kubernetes.read(CONFIG_MAP, created.id, inputs, created.properties)

    assert (checked.inputs, checked.failures) == (inputs, {})
    assert (created.id, created.properties) == ("serving/settings", inputs)
    assert files_in(tmp_path) == {FILE: inputs}
    assert (live.id, live.inputs) == ("serving/settings", inputs)
    assert not kubernetes.diff(CONFIG_MAP, inputs, live.inputs).changed


def test_an_update_changes_the_file_and_a_deletion_removes_it_even_twice(
    kubernetes: ProviderClient, tmp_path: Path
) -> None:
    inputs, changed = make_config_map(workers="4"), make_config_map(workers="8")
    created = kubernetes.create(CONFIG_MAP, inputs)

    difference = kubernetes.diff(CONFIG_MAP, inputs, changed)
    state = kubernetes.update(CONFIG_MAP, created.id, created.properties, changed)
    assert (difference.kinds, difference.replaces) == ({"data.workers": "UPDATE"}, set())
    assert state == changed
    assert files_in(tmp_path) == {FILE: changed}

    kubernetes.delete(CONFIG_MAP, created.id, state)
    assert files_in(tmp_path) == {}
    assert kubernetes.read(CONFIG_MAP, created.id, changed, state).id == ""
    kubernetes.delete(CONFIG_MAP, created.id, state)


def test_a_preview_writes_nothing(kubernetes: ProviderClient, tmp_path: Path) -> None:
    planned = kubernetes.create(CONFIG_MAP, make_config_map(), preview=True)
    assert (planned.id, files_in(tmp_path)) == ("", {})

    created = kubernetes.create(CONFIG_MAP, make_config_map(workers="4"))
    kubernetes.update(CONFIG_MAP, created.id, created.properties, make_config_map(workers="8"), preview=True)
    assert files_in(tmp_path)[FILE]["data"] == {"workers": "4"}


# ---- drift ------------------------------------------------------------------------------------------------------


def test_an_edited_file_is_seen_and_put_right(kubernetes: ProviderClient, tmp_path: Path) -> None:
    inputs = make_config_map()
    created = kubernetes.create(CONFIG_MAP, inputs)
    edited = make_config_map(workers="1", added="by hand")
    (tmp_path / FILE).write_text(yaml.safe_dump(edited))

    live = kubernetes.read(CONFIG_MAP, created.id, inputs, created.properties)
    difference = kubernetes.diff(CONFIG_MAP, live.inputs, inputs)
    kubernetes.update(CONFIG_MAP, created.id, live.properties, inputs)

    assert live.inputs == edited
    assert difference.kinds == {"data.workers": "UPDATE", "data.added": "DELETE"}
    assert files_in(tmp_path) == {FILE: inputs}


def test_a_deleted_file_is_gone(kubernetes: ProviderClient, tmp_path: Path) -> None:
    created = kubernetes.create(CONFIG_MAP, make_config_map())
    (tmp_path / FILE).unlink()

    assert kubernetes.read(CONFIG_MAP, created.id, make_config_map(), created.properties).id == ""


def test_a_name_edited_in_the_file_is_seen_and_put_right(kubernetes: ProviderClient, tmp_path: Path) -> None:
    inputs = make_config_map()
    created = kubernetes.create(CONFIG_MAP, inputs)
    (tmp_path / FILE).write_text(yaml.safe_dump(make_config_map("another")))

    live = kubernetes.read(CONFIG_MAP, created.id, inputs, created.properties)
    assert kubernetes.diff(CONFIG_MAP, live.inputs, inputs).replaces == {"metadata.name"}

    kubernetes.create(CONFIG_MAP, inputs)
    kubernetes.delete(CONFIG_MAP, live.id, live.properties)
    assert files_in(tmp_path) == {FILE: inputs}


@pytest.mark.parametrize(
    "text", ["", "- a list", "key: [", "kind: ConfigMap", "{apiVersion: v1, kind: 1, metadata: {}}"]
)
def test_a_file_that_somebody_broke_is_named_and_can_be_written_anew(
    kubernetes: ProviderClient, tmp_path: Path, text: str
) -> None:
    inputs = make_config_map()
    created = kubernetes.create(CONFIG_MAP, inputs)
    (tmp_path / FILE).write_text(text)

    with pytest.raises(Failed, match=r"settings\.yaml is not a Kubernetes object any more: mend or remove it"):
        kubernetes.read(CONFIG_MAP, created.id, inputs, created.properties)
    kubernetes.update(CONFIG_MAP, created.id, created.properties, inputs)

    assert files_in(tmp_path) == {FILE: inputs}


def test_the_engine_s_own_keys_stay_in_the_state_and_out_of_the_file(
    kubernetes: ProviderClient, tmp_path: Path
) -> None:
    inputs = {**make_config_map(**{"__init__.py": "pass"}), "__defaults": []}
    created = kubernetes.create(CONFIG_MAP, inputs)

    live = kubernetes.read(CONFIG_MAP, created.id, inputs, created.properties)

    assert files_in(tmp_path) == {FILE: make_config_map(**{"__init__.py": "pass"})}
    assert live.inputs == inputs


# ---- identity ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "changed", "delete_first"),
    [
        ("metadata.name", make_config_map("other"), False),
        ("metadata.namespace", make_config_map(namespace="other"), True),
        ("kind", {**make_config_map(), "kind": "Secret"}, True),
        ("apiVersion", {**make_config_map(), "apiVersion": "v2"}, True),
    ],
)
def test_another_name_namespace_or_kind_replaces(
    kubernetes: ProviderClient, path: str, changed: Properties, delete_first: bool
) -> None:
    difference = kubernetes.diff(CONFIG_MAP, make_config_map(), changed)

    assert difference.replaces == {path}
    assert difference.kinds == {path: "UPDATE_REPLACE"}
    assert difference.delete_first == delete_first


def test_a_renamed_object_has_a_new_file_and_the_old_one_goes(kubernetes: ProviderClient, tmp_path: Path) -> None:
    old = kubernetes.create(CONFIG_MAP, make_config_map("old"))
    kubernetes.create(CONFIG_MAP, make_config_map("new"))
    kubernetes.delete(CONFIG_MAP, old.id, old.properties)

    assert files_in(tmp_path).keys() == {"1-manifest/v1-configmap-serving-new.yaml"}


def test_ignored_changes_are_no_changes(kubernetes: ProviderClient) -> None:
    old, new = make_config_map(workers="4", level="info"), make_config_map(workers="8", level="info")

    assert kubernetes.diff(CONFIG_MAP, old, new, ignore=["data"]).changed is False
    assert kubernetes.diff(CONFIG_MAP, old, new, ignore=["data.workers"]).changed is False
    assert kubernetes.diff(CONFIG_MAP, old, new, ignore=["data.level", "dat"]).changed is True


def test_an_object_is_not_written_over_another_one_whose_file_has_the_same_name(
    kubernetes: ProviderClient, tmp_path: Path
) -> None:
    kubernetes.create(CONFIG_MAP, make_config_map("b-c", namespace="a"))
    before = files_in(tmp_path)

    with pytest.raises(Failed, match="holds a/b-c: a-b/c would overwrite it"):
        kubernetes.create(CONFIG_MAP, make_config_map("c", namespace="a-b"))

    assert files_in(tmp_path) == before


def test_the_same_object_can_be_created_again_after_an_interruption(kubernetes: ProviderClient, tmp_path: Path) -> None:
    kubernetes.create(CONFIG_MAP, make_config_map(workers="4"))
    kubernetes.create(CONFIG_MAP, make_config_map(workers="8"))

    assert files_in(tmp_path)[FILE]["data"] == {"workers": "8"}


# ---- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Upper", "under_score", "-a", "a-", "a..b", "../escape", "a/b", "a" * 254, ""])
def test_a_name_that_kubernetes_does_not_allow_is_refused(kubernetes: ProviderClient, name: str) -> None:
    named = kubernetes.check(CONFIG_MAP, make_config_map(name or "é"))
    spaced = kubernetes.check(CONFIG_MAP, make_config_map(namespace=name or "é"))

    assert named.failures == {"metadata.name": f"{name or 'é'!r} is not a valid DNS-1123 name"}
    assert spaced.failures == {"metadata.namespace": f"{name or 'é'!r} is not a valid DNS-1123 name"}


@pytest.mark.parametrize("name", ["a", "a-b", "a.b", "0", "a" * 253])
def test_a_name_that_kubernetes_allows_is_accepted(kubernetes: ProviderClient, name: str) -> None:
    assert kubernetes.check(CONFIG_MAP, make_config_map(name)).failures == {}


def test_a_name_is_chosen_marked_and_kept(kubernetes: ProviderClient) -> None:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"annotations": {"mine": "1"}}}

    first = kubernetes.check(CONFIG_MAP, inputs, name="Logical")
    again = kubernetes.check(CONFIG_MAP, {**inputs, "data": {}}, name="Logical", old=first.inputs)
    other = kubernetes.check(CONFIG_MAP, inputs, name="other")

    assert first.failures == {}
    assert first.inputs["metadata"]["name"].startswith("logical-")
    assert first.inputs["metadata"]["annotations"] == {"mine": "1", "pulumi.com/autonamed": "true"}
    assert again.inputs["metadata"] == first.inputs["metadata"]
    assert other.inputs["metadata"]["name"] != first.inputs["metadata"]["name"]


def test_the_provider_s_namespace_goes_to_what_has_none_and_lives_in_one(
    kubernetes: ProviderClient, tmp_path: Path
) -> None:
    kubernetes.configure(renderYamlToDirectory=str(tmp_path), namespace="serving")

    def namespace_of(kind: str, **metadata: str) -> str | None:
        inputs = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", **metadata}}
        namespace: str | None = kubernetes.check(CONFIG_MAP, inputs).inputs["metadata"].get("namespace")
        return namespace

    assert namespace_of("ConfigMap") == "serving"
    assert namespace_of("ConfigMap", namespace="mine") == "mine"
    assert namespace_of("Namespace") is None


# ---- what is refused --------------------------------------------------------------------------------------------


def test_without_a_folder_every_object_is_refused(provider: ProviderClient) -> None:
    provider.configure()

    assert provider.check(CONFIG_MAP, make_config_map()).failures == {
        "": "this provider only renders: set renderYamlToDirectory"
    }


@pytest.mark.parametrize("missing", ["apiVersion", "kind"])
def test_an_object_without_a_kind_or_version_is_refused(kubernetes: ProviderClient, missing: str) -> None:
    inputs = {name: value for name, value in make_config_map().items() if name != missing}

    assert kubernetes.check(CONFIG_MAP, inputs).failures == {missing: "missing required property"}


def test_metadata_that_are_no_object_are_refused(kubernetes: ProviderClient) -> None:
    checked = kubernetes.check(CONFIG_MAP, {**make_config_map(), "metadata": "settings"})

    assert checked.failures == {"metadata": "expected an object, got 'settings'"}


def test_what_is_not_known_yet_is_accepted(kubernetes: ProviderClient) -> None:
    unknown_name = {**make_config_map(), "metadata": {"name": UNKNOWN, "namespace": UNKNOWN}}
    unknown_metadata = {**make_config_map(), "metadata": UNKNOWN}
    unknown_annotations = {**make_config_map(), "metadata": {"annotations": UNKNOWN}}

    for inputs in (unknown_name, unknown_metadata, unknown_annotations):
        assert kubernetes.check(CONFIG_MAP, inputs).failures == {}


def test_functions_are_refused_by_name(kubernetes: ProviderClient) -> None:
    with pytest.raises(Failed, match="kubernetes:yaml:decode is not modelled"):
        kubernetes.invoke("kubernetes:yaml:decode")


def test_a_folder_that_can_not_be_written_to_is_named(provider: ProviderClient, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    provider.configure(renderYamlToDirectory=str(tmp_path / "a-file"))

    with pytest.raises(Failed, match="a-file"):
        provider.create(CONFIG_MAP, make_config_map())


def test_another_folder_replaces_the_provider(kubernetes: ProviderClient) -> None:
    old = {"renderYamlToDirectory": "/a"}

    assert kubernetes.diff_config(old, {"renderYamlToDirectory": "/b"}).replaces == {"renderYamlToDirectory"}
    assert kubernetes.diff_config(old, old).changed is False


# ---- writing ----------------------------------------------------------------------------------------------------


def test_readers_see_the_old_object_or_the_new_one_and_never_a_part(kubernetes: ProviderClient, tmp_path: Path) -> None:
    versions = [make_config_map(payload=letter * 10_000) for letter in "ab"]
    state = kubernetes.create(CONFIG_MAP, versions[0])
    path, done, seen = tmp_path / FILE, threading.Event(), set()

    def watch() -> None:
        while not done.is_set():
            text = path.read_text()
            seen.add((len(text), text[-100:]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for index in range(40):
            kubernetes.update(CONFIG_MAP, state.id, state.properties, versions[index % 2])
    finally:
        done.set()
        watcher.join()

    expected = {(len(text), text[-100:]) for text in (yaml.safe_dump(version, width=120) for version in versions)}
    assert seen <= expected
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == [path.name], "a temporary file is left"

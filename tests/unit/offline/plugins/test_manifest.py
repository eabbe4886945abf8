"""Kubernetes objects: what they are called, where they are written, and what differs between two."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.kubernetes.manifest import differences, file_name, identity, is_name, without_engine_keys

KEYS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=4)
TREES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=4),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(KEYS, values, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, TREES, max_size=4)
LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)


def make(kind: str, name: str, namespace: str | None = None, version: str = "v1") -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


# ---- identity and file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "id_", "path"),
    [
        (make("ConfigMap", "a", "serving"), "serving/a", "1-manifest/v1-configmap-serving-a.yaml"),
        (make("ConfigMap", "a"), "default/a", "1-manifest/v1-configmap-default-a.yaml"),
        (make("Namespace", "serving"), "serving", "1-manifest/v1-namespace-default-serving.yaml"),
        (
            make("Deployment", "gateway", "serving", "apps/v1"),
            "serving/gateway",
            "1-manifest/apps_v1-deployment-serving-gateway.yaml",
        ),
        (
            make("CustomResourceDefinition", "things.example.com", None, "apiextensions.k8s.io/v1"),
            "things.example.com",
            "0-crd/apiextensions.k8s.io_v1-customresourcedefinition-default-things.example.com.yaml",
        ),
    ],
)
def test_an_object_has_an_id_and_a_file(manifest: dict[str, Any], id_: str, path: str) -> None:
    assert (identity(manifest), file_name(manifest)) == (id_, path)


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_name_leads_out_of_the_folder(name: str, namespace: str) -> None:
    path = file_name(make("ConfigMap", name, namespace))

    assert path.startswith("1-manifest/v1-configmap-")
    assert path.count("/") == 1


@settings(deadline=None)
@given(LABELS, LABELS, LABELS)
def test_objects_of_one_namespace_have_files_of_their_own(namespace: str, one: str, other: str) -> None:
    same = file_name(make("ConfigMap", one, namespace)) == file_name(make("ConfigMap", other, namespace))

    assert same == (one == other)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab-.0A_/"), max_size=12))
def test_a_name_is_one_or_more_labels_with_dots_between(name: str) -> None:
    label = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

    assert is_name(name) == all(label.fullmatch(part) for part in name.split("."))


def test_a_name_is_a_text_of_at_most_253_characters() -> None:
    assert is_name("a" * 253)
    assert not is_name("a" * 254)
    assert not is_name(7)
    assert not is_name(None)


# ---- what is written --------------------------------------------------------------------------------------------


def test_the_engine_s_keys_go_and_the_program_s_stay() -> None:
    manifest: dict[str, Any] = {
        "kind": "ConfigMap",
        "__defaults": [],
        "status": None,
        "data": {"__init__.py": "", "gone": None},
    }

    assert without_engine_keys(manifest) == {"kind": "ConfigMap", "data": {"__init__.py": ""}}


@settings(deadline=None)
@given(OBJECTS)
def test_what_has_neither_absent_values_nor_the_engine_s_keys_stays_as_it_is(manifest: dict[str, Any]) -> None:
    assert without_engine_keys(manifest) == manifest


# ---- differences ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 2}, {"a": "UPDATE"}),
        ({}, {"a": 1}, {"a": "ADD"}),
        ({"a": 1}, {}, {"a": "DELETE"}),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 1}}, {"a.b": "UPDATE"}),
        ({"a": [1, {"b": 1}]}, {"a": [1, {"b": 2}]}, {"a[1].b": "UPDATE"}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": "UPDATE"}),
        ({"a": {"x.y/z": 1}}, {"a": {"x.y/z": 2}}, {'a["x.y/z"]': "UPDATE"}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": "UPDATE"}),
        ({"a": 1, "b": {"c": 1}}, {"a": 2, "b": {"d": 1}}, {"a": "UPDATE", "b.c": "DELETE", "b.d": "ADD"}),
    ],
)
def test_each_leaf_that_differs_has_a_path_and_a_kind(
    old: dict[str, Any], new: dict[str, Any], found: dict[str, str]
) -> None:
    assert dict(differences(old, new)) == found


@settings(deadline=None)
@given(OBJECTS)
def test_equal_objects_do_not_differ(manifest: dict[str, Any]) -> None:
    assert list(differences(manifest, copy.deepcopy(manifest))) == []


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_objects_differ_exactly_if_a_difference_is_found_and_paths_are_unique(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    found = list(differences(old, new))

    assert bool(found) == (old != new)
    assert len({path for path, _ in found}) == len(found)


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_seen_from_the_other_side_what_was_added_is_deleted(old: dict[str, Any], new: dict[str, Any]) -> None:
    turned = {"ADD": "DELETE", "DELETE": "ADD", "UPDATE": "UPDATE"}

    assert {path: turned[kind] for path, kind in differences(old, new)} == dict(differences(new, old))

"""The environment contract refuses what is missing, ill-typed or, on a machine, real AWS."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from contract.outputs import Outputs, SecretNames

Explain = Callable[[type[BaseModel], object], list[str]]

URL = "an http:// or https:// URL without user, query or fragment"
SECRET = "the name of a secret: 1 to 512 letters, digits and /_+=.@!-"
KEYS = (
    "environment, instance, target, region, account, model_store, image_registry, cluster, namespace, "
    "billing_database, gateway_url, metrics_url, alerts_url, secrets, log_group"
)


def test_the_outputs_of_an_environment_on_aws_are_read(outputs_data: dict[str, Any]) -> None:
    outputs = Outputs.model_validate(outputs_data)
    assert outputs.instance is None
    assert outputs.cluster
    assert outputs.cluster.kubeconfig == "eks"
    assert outputs.billing_database.port == 5432
    assert outputs.secrets.billing_database_gateway == "faregate/prod/billing-database-gateway"
    assert outputs.model_dump(exclude={"instance"}) == outputs_data


def test_the_outputs_of_an_instance_are_read(local_outputs_data: dict[str, Any]) -> None:
    outputs = Outputs.model_validate(local_outputs_data)
    assert outputs.cluster is None
    assert outputs.instance == "local"
    assert outputs.gateway_url == "http://127.0.0.1:18080"


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        (
            "environment",
            "Prod",
            "a name of 1 to 40 lower-case letters, digits and inner hyphens that starts with a letter",
        ),
        (
            "instance",
            "My",
            "an instance's name: 1 to 20 lower-case letters, digits and hyphens that starts with a letter",
        ),
        ("target", "docker", "one of podman, kubernetes"),
        ("region", "frankfurt", "an AWS region such as eu-central-1"),
        ("region", "aws:eu-central-1", "an AWS region such as eu-central-1"),
        ("region", "eu-central-1a", "an AWS region such as eu-central-1"),
        ("account", "12345678901", "the 12 digits of an AWS account, quoted"),
        ("account", "1234567890123", "the 12 digits of an AWS account, quoted"),
        ("model_store", "https://bucket", "a bucket and a prefix, such as s3://bucket/prefix"),
        ("model_store", "url=s3://bucket", "a bucket and a prefix, such as s3://bucket/prefix"),
        ("model_store", "s3://bucket/", "a bucket and a prefix, such as s3://bucket/prefix"),
        ("model_store", "s3://Bucket", "a bucket and a prefix, such as s3://bucket/prefix"),
        (
            "image_registry",
            "https://registry.example.com",
            "a registry and a path without a scheme, such as registry.example.com/faregate",
        ),
        ("namespace", "fare_gate", "a Kubernetes namespace: 1 to 63 lower-case letters, digits, -"),
        ("gateway_url", "api.example.com", URL),
        ("gateway_url", "url=https://api.example.com", URL),
        ("gateway_url", "ftp://api.example.com", URL),
        ("gateway_url", "https://user:password@api.example.com", URL),
        ("metrics_url", "https://metrics.example.com/?a=b", URL),
        ("alerts_url", "https://alerts.example.com:70000", "a URL whose port is from 1 to 65535"),
        ("alerts_url", "https://alerts.example.com:0", "a URL whose port is from 1 to 65535"),
        ("log_group", "a b", "the name of a log group: 1 to 512 letters, digits and /_.#-"),
    ],
)
def test_a_text_that_is_not_allowed_is_refused_by_its_field(
    outputs_data: dict[str, Any], explain: Explain, key: str, value: str, allowed: str
) -> None:
    outputs_data[key] = value
    assert explain(Outputs, outputs_data) == [f"doc: {key}: given {value!r} (a string); allowed: {allowed}"]


@pytest.mark.parametrize(
    ("section", "key", "value", "problem"),
    [
        ("cluster", "kubeconfig", "kind", "given 'kind' (a string); allowed: one of eks, file"),
        ("cluster", "name", "", "given '' (a string); allowed: a text that is not blank"),
        (
            "billing_database",
            "host",
            "db:5432",
            "given 'db:5432' (a string); allowed: a host name or an IPv4 address, without a port",
        ),
        ("billing_database", "port", "5432", "given '5432' (a string); allowed: an integer from 1 to 65535"),
        ("billing_database", "port", 0, "given 0 (an integer); allowed: an integer from 1 to 65535"),
        ("billing_database", "port", 65536, "given 65536 (an integer); allowed: an integer from 1 to 65535"),
        ("billing_database", "name", " ", "given ' ' (a string); allowed: a text that is not blank"),
        ("billing_database", "secret", "a b", f"given 'a b' (a string); allowed: {SECRET}"),
        ("secrets", "billing_database_owner", "", f"given '' (a string); allowed: {SECRET}"),
        (
            "secrets",
            "billing_database_writer",
            "a",
            (
                "given an unknown key; allowed: one of billing_database_owner, billing_database_gateway, "
                "billing_database_admin, billing_database_reporter (did you mean billing_database_owner?)"
            ),
        ),
    ],
)
def test_a_nested_value_that_is_not_allowed_is_refused_by_its_field(
    outputs_data: dict[str, Any], explain: Explain, section: str, key: str, value: object, problem: str
) -> None:
    outputs_data[section][key] = value
    assert explain(Outputs, outputs_data) == [f"doc: {section}.{key}: {problem}"]


@pytest.mark.parametrize("key", sorted(Outputs.model_fields.keys() - {"instance", "cluster"}))
def test_an_output_that_is_missing_is_refused_by_its_name(
    outputs_data: dict[str, Any], explain: Explain, key: str
) -> None:
    del outputs_data[key]
    (line,) = explain(Outputs, outputs_data)
    assert line.startswith(f"doc: {key}: given nothing; allowed: ")
    assert line.endswith(" (required)")


@pytest.mark.parametrize("role", SecretNames.model_fields)
def test_the_secret_of_every_role_is_named(outputs_data: dict[str, Any], explain: Explain, role: str) -> None:
    del outputs_data["secrets"][role]
    assert explain(Outputs, outputs_data) == [f"doc: secrets.{role}: given nothing; allowed: {SECRET} (required)"]


def test_an_output_nobody_knows_is_refused(outputs_data: dict[str, Any], explain: Explain) -> None:
    outputs_data["gatewayUrl"] = "https://api.example.com"
    assert explain(Outputs, outputs_data) == [
        f"doc: gatewayUrl: given an unknown key; allowed: one of {KEYS} (did you mean gateway_url?)"
    ]


def test_kubernetes_needs_a_cluster(outputs_data: dict[str, Any], explain: Explain) -> None:
    outputs_data["cluster"] = None
    assert explain(Outputs, outputs_data) == [
        (
            "doc: cluster: given nothing; "
            "allowed: a mapping with the keys name, kubeconfig (required: target is kubernetes)"
        )
    ]


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        (
            {"image_registry": "1.dkr.ecr.eu-central-1.amazonaws.com"},
            "image_registry",
            "1.dkr.ecr.eu-central-1.amazonaws.com",
        ),
        ({"gateway_url": "https://x.elb.AMAZONAWS.com"}, "gateway_url", "https://x.elb.AMAZONAWS.com"),
        (
            {"billing_database": {"host": "x.rds.amazonaws.com", "port": 1, "name": "a", "secret": "b"}},
            "billing_database.host",
            "x.rds.amazonaws.com",
        ),
    ],
)
def test_no_output_of_an_instance_holds_a_real_aws_host(
    local_outputs_data: dict[str, Any], explain: Explain, change: dict[str, Any], field: str, text: str
) -> None:
    assert explain(Outputs, {**local_outputs_data, **change}) == [
        f"doc: {field}: given {text!r} (a string); allowed: no amazonaws.com host, for an instance has a simulated AWS"
    ]


def test_the_simulation_rule_and_the_cluster_rule_are_said_together(
    local_outputs_data: dict[str, Any], explain: Explain
) -> None:
    change = {"target": "kubernetes", "metrics_url": "https://amazonaws.com"}
    lines = explain(Outputs, {**local_outputs_data, **change})
    assert [line.split(": ")[1] for line in lines] == ["cluster", "metrics_url"]


def test_outputs_cannot_be_changed(outputs_data: dict[str, Any]) -> None:
    outputs = Outputs.model_validate(outputs_data)
    with pytest.raises(ValueError, match="frozen"):
        outputs.region = "us-east-1"  # type: ignore[misc]

"""Small, valid documents that tests change in one place, and a way to read what is said about them."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pydantic import BaseModel, ValidationError

from contract.problems import refuse

# A deadline would make the speed of the machine a part of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

Explain = Callable[[type[BaseModel], object], list[str]]


@pytest.fixture
def explain() -> Explain:
    """Return a function that validates data and returns the lines of what is wrong with it (none if nothing is)."""

    def explain_problems(model: type[BaseModel], data: object) -> list[str]:
        try:
            model.model_validate(data)
        except ValidationError as error:
            return str(refuse(error, model, "doc")).splitlines()
        return []

    return explain_problems


@pytest.fixture
def repository() -> Path:
    """Return the root of this repository."""
    return Path(__file__).resolve().parents[3]


@pytest.fixture
def catalog_data() -> dict[str, Any]:
    """Return a catalog with two artifacts, two tiers, a plan and a model with two price versions."""
    artifact = {
        "source": {"package": "tiny", "version": "1.0", "path": "tiny/tiny.gguf"},
        "file": "tiny.gguf",
        "sha256": "ab" * 32,
        "bytes": 1000,
        "license": "Apache-2.0",
        "context_length": 4096,
        "template_overhead": {"per_request": 25, "per_message": 5},
    }
    return {
        "artifacts": {"tiny-q4": artifact, "tiny-q8": {**copy.deepcopy(artifact), "file": "tiny-q8.gguf"}},
        "tiers": {"premium": {"weight": 8}, "standard": {"weight": 1}},
        "plans": {
            "basic": {
                "tier": "standard",
                "limits": {"requests_per_minute": 60, "tokens_per_minute": 1000, "concurrent_requests": 4},
            },
        },
        "models": {
            "tiny": {
                "description": "A tiny model",
                "artifact": "tiny-q4",
                "engine": "llama.cpp",
                "max_output_tokens": 4096,
                "serving": [
                    {
                        "accelerator": "nvidia-l4",
                        "replicas_per_node": 2,
                        "unit": "output_tokens",
                        "per_second": 1000,
                        "source": "measured: bench",
                    },
                    {
                        "accelerator": "cpu",
                        "replicas_per_node": 1,
                        "unit": "output_tokens",
                        "per_second": 100,
                        "source": "stated: a guess",
                    },
                ],
                "prices": [
                    {
                        "version": 1,
                        "effective_from": "2026-01-01T00:00:00Z",
                        "usd_per_million": {"input_tokens": "0.10", "output_tokens": "0.20"},
                    },
                    {
                        "version": 2,
                        "effective_from": "2026-06-01T00:00:00+02:00",
                        "usd_per_million": {"input_tokens": "0.10", "output_tokens": "0.40"},
                    },
                ],
            },
        },
    }


@pytest.fixture
def outputs_data() -> dict[str, Any]:
    """Return the outputs of an environment on AWS."""
    return {
        "environment": "prod",
        "target": "kubernetes",
        "region": "eu-central-1",
        "account": "012345678901",
        "model_store": "s3://faregate-prod-models/artifacts",
        "image_registry": "012345678901.dkr.ecr.eu-central-1.amazonaws.com/faregate",
        "cluster": {"name": "faregate-prod", "kubeconfig": "eks"},
        "namespace": "faregate",
        "billing_database": {
            "host": "billing.abc.eu-central-1.rds.amazonaws.com",
            "port": 5432,
            "name": "billing",
            "secret": "rds!db-0a1b",
        },
        "gateway_url": "https://api.example.com",
        "metrics_url": "https://metrics.example.com/prometheus",
        "alerts_url": "https://alerts.example.com:9093",
        "secrets": {
            "billing_database_owner": "faregate/prod/billing-database-owner",
            "billing_database_gateway": "faregate/prod/billing-database-gateway",
            "billing_database_admin": "faregate/prod/billing-database-admin",
            "billing_database_reporter": "faregate/prod/billing-database-reporter",
        },
        "log_group": "/faregate/prod",
    }


@pytest.fixture
def local_outputs_data(outputs_data: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs of an instance of `local`."""
    del outputs_data["cluster"]
    return {
        **outputs_data,
        "environment": "local",
        "instance": "local",
        "target": "podman",
        "image_registry": "localhost/faregate",
        "billing_database": {"host": "127.0.0.1", "port": 15432, "name": "billing", "secret": "billing-database"},
        "gateway_url": "http://127.0.0.1:18080",
        "metrics_url": "http://127.0.0.1:19090",
        "alerts_url": "http://127.0.0.1:19093",
    }


@pytest.fixture
def instance_data() -> dict[str, Any]:
    """Return an instance of a user."""
    return {
        "name": "local",
        "purpose": "user",
        "ports": {"gateway": 8080, "database": 15432, "metrics": 9090, "alerts": 9093, "simulation": 4566},
        "manifests": "/var/lib/faregate/local/manifests",
    }


@pytest.fixture
def slos_data() -> dict[str, Any]:
    """Return one SLO of each kind of indicator."""
    return {
        "slos": {
            "gateway-availability": {
                "description": "Requests are answered.",
                "service": "gateway",
                "objective": "99.9",
                "window_days": 30,
                "indicator": {"kind": "availability"},
            },
            "gateway-first-token": {
                "description": "Answers begin soon.",
                "service": "gateway",
                "objective": "99",
                "window_days": 7,
                "indicator": {
                    "kind": "latency",
                    "quantity": "first_token",
                    "threshold_ms": 500,
                    "baseline_multiple": 2.5,
                },
            },
        },
    }

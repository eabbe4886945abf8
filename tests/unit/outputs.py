"""The outputs of an instance of `local`, as Pulumi prints them."""

from __future__ import annotations

from typing import Any

OUTPUTS: dict[str, Any] = {
    "environment": "local",
    "instance": "blue",
    "target": "podman",
    "region": "us-east-1",
    "account": "123456789012",
    "model_store": "s3://models",
    "image_registry": "localhost",
    "namespace": "faregate",
    "billing_database": {"host": "127.0.0.1", "port": 15432, "name": "billing", "secret": "owner"},
    "gateway_url": "http://127.0.0.1:8080",
    "metrics_url": "http://127.0.0.1:19090",
    "alerts_url": "http://127.0.0.1:19093",
    "secrets": {f"billing_database_{role}": f"secret-{role}" for role in ("owner", "gateway", "admin", "reporter")},
    "log_group": "/faregate/local",
}

"""The fixtures of the ledger's own tests; Locust's import leaves this process as it is."""

from __future__ import annotations

from tests.integration.services.billing.conftest import books, common, gateway, server, template
from tests.unit.loadtests import unpatched  # noqa: F401  # before the tests, which import Locust

__all__ = ["books", "common", "gateway", "server", "template"]

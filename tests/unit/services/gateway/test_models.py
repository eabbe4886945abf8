from __future__ import annotations

import pytest

from contract.documents import read_catalog
from services.gateway.failures import SettingsRefused
from services.gateway.models import choose_models


def test_a_model_is_what_the_catalog_says_of_it() -> None:
    model = choose_models(read_catalog(), ["smollm2-135m"])["smollm2-135m"]

    assert (model.context_length, model.max_output_tokens) == (8192, 2048)
    assert model.template_overhead.count(1) == 30
    assert model.describe() == {
        "id": "smollm2-135m",
        "object": "model",
        "created": 1767225600,
        "owned_by": "faregate",
    }


def test_a_model_that_is_not_sold_is_refused() -> None:
    with pytest.raises(SettingsRefused, match=r"GATEWAY_ENGINE_HOSTS: given 'smollm'; allowed: one of smollm2-135m"):
        choose_models(read_catalog(), ["smollm"])

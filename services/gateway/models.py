"""The models that this gateway serves: what the catalog says of those that have engines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contract.catalog import Catalog, CatalogModel, TemplateOverhead
from contract.problems import list_allowed
from services.gateway.failures import SettingsRefused
from services.gateway.settings import PREFIX


@dataclass(frozen=True)
class ServedModel:
    """A model that customers can name."""

    name: str
    created: int
    """Since when it is sold: seconds since 1970, as OpenAI's list of models has it."""
    context_length: int
    """The most tokens of prompt and answer together."""
    max_output_tokens: int
    """The most tokens of one answer."""
    template_overhead: TemplateOverhead

    def describe(self) -> dict[str, object]:
        """Return it as OpenAI's list of models has it."""
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "faregate"}


def choose_models(catalog: Catalog, names: Iterable[str]) -> Mapping[str, ServedModel]:
    """Return the named models of the catalog.

    Raises:
        SettingsRefused: the catalog has no such model.
    """
    problems = [
        f"{PREFIX}ENGINE_HOSTS: given {name!r}; allowed: {list_allowed(catalog.models, name)}"
        for name in names
        if name not in catalog.models
    ]
    if problems:
        raise SettingsRefused("\n".join(problems))
    return {name: _serve(name, catalog.models[name], catalog) for name in names}


def _serve(name: str, model: CatalogModel, catalog: Catalog) -> ServedModel:
    artifact = catalog.artifacts[model.artifact]
    return ServedModel(
        name=name,
        created=int(model.prices[0].effective_from.timestamp()),
        context_length=artifact.context_length,
        max_output_tokens=model.max_output_tokens,
        template_overhead=artifact.template_overhead,
    )

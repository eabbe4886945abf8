"""What a request owes so far, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from contract.money import Unit, charge, format_usd
from services.billing.ledger import Delivery, Hold
from services.gateway.counts import Counts


class Bill:
    """What was delivered of an admitted request. It begins with nothing."""

    def __init__(self, request_id: UUID, model: str, hold: Hold, most_input_tokens: int) -> None:
        """Begin a request.

        Args:
            request_id: the request's name.
            model: what the customer asked for.
            hold: what is reserved for it.
            most_input_tokens: the prompt that the hold covers.
        """
        self.request_id = request_id
        self.model = model
        self.hold = hold
        self._most_input_tokens = most_input_tokens
        self._counts = Counts(0, 0, 0)
        self._engine_output_tokens = 0
        self.exceeded = False
        """The engine counted more than the hold covers. The customer is not charged for that: it is a bound's fault."""

    @property
    def counts(self) -> Counts:
        return self._counts

    @property
    def engine_output_tokens(self) -> int:
        """Return the engine's last count, delivered or not."""
        return self._engine_output_tokens

    @property
    def charge(self) -> int:
        """Return the charge, in nano-dollars."""
        return charge(self._quantities, self.hold.prices)

    def note_counts(self, counts: Counts) -> None:
        """Note what was read of the engine: the prompt is owed from then on, output once it is delivered."""
        self._engine_output_tokens = counts.output_tokens
        cached = min(counts.cached_input_tokens, self._most_input_tokens)
        fresh = min(counts.input_tokens, self._most_input_tokens - cached)
        self.exceeded |= (fresh, cached) != (counts.input_tokens, counts.cached_input_tokens)
        self._counts = Counts(fresh, cached, self._counts.output_tokens)

    def take_output(self, held: int) -> None:
        """Owe the output tokens that were noted last, of which `held` are covered: all of them are delivered.

        So no more is ever owed than the engine counted, which the ledger would refuse to settle.
        """
        self.exceeded |= self._engine_output_tokens > held
        output_tokens = min(self._engine_output_tokens, held)
        self._counts = Counts(self._counts.input_tokens, self._counts.cached_input_tokens, output_tokens)

    def to_delivery(self) -> Delivery:
        """Return it as the ledger settles it."""
        counts = self._counts
        return Delivery(
            self.hold.id,
            counts.input_tokens,
            counts.cached_input_tokens,
            counts.output_tokens,
            self._engine_output_tokens,
        )

    def to_receipt(self) -> dict[str, object]:
        """Return it as the customer reads it."""
        return {
            "request_id": str(self.request_id),
            "model": self.model,
            "price_version": self.hold.price_version,
            "input_tokens": self._counts.input_tokens,
            "cached_input_tokens": self._counts.cached_input_tokens,
            "output_tokens": self._counts.output_tokens,
            "charge_usd": format_usd(self.charge),
        }

    def to_usage(self) -> dict[str, object]:
        """Return it as OpenAI's `usage`."""
        counts = self._counts
        prompt = counts.input_tokens + counts.cached_input_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": counts.output_tokens,
            "total_tokens": prompt + counts.output_tokens,
            "prompt_tokens_details": {"cached_tokens": counts.cached_input_tokens},
        }

    @property
    def _quantities(self) -> Mapping[Unit, int]:
        return {
            Unit.INPUT_TOKENS: self._counts.input_tokens,
            Unit.CACHED_INPUT_TOKENS: self._counts.cached_input_tokens,
            Unit.OUTPUT_TOKENS: self._counts.output_tokens,
        }

"""How much of a stream its hold covers, and how much of it was delivered."""

from __future__ import annotations


class Meter:
    """Counts one stream; every number is output tokens from the beginning."""

    def __init__(self, *, held: int, limit: int, slice_tokens: int) -> None:
        """Begin a stream.

        Args:
            held: what the hold covers.
            limit: the most that the engine was asked for.
            slice_tokens: by how much the hold is extended.
        """
        self.held = held
        self.limit = limit
        self.delivered = 0
        self._slice = slice_tokens

    def covers(self, output_tokens: int) -> bool:
        return output_tokens <= self.held

    @property
    def runs_low(self) -> bool:
        """Say whether the hold should be extended by now: so early that the stream need not wait for it."""
        return self.held < self.limit and 2 * (self.held - self.delivered) <= self._slice

    def plan(self, output_tokens: int) -> int:
        """Return what an extended hold should cover so that it covers so many: a whole slice more, or what is left."""
        return min(self.limit, max(self.held + self._slice, output_tokens))

    def extend(self, held: int) -> None:
        """Note what the hold covers now."""
        self.held = max(self.held, held)

    def deliver(self, output_tokens: int) -> None:
        """Note what was written to the client.

        Raises:
            AssertionError: it was not held, or is less than before.
        """
        if not self.delivered <= output_tokens <= self.held:
            raise AssertionError(f"delivered {output_tokens} after {self.delivered}, held {self.held}")
        self.delivered = output_tokens

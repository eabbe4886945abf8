"""Answers that are errors, in OpenAI's format: clients of OpenAI turn them into their own exceptions."""

from __future__ import annotations

import json
import random

_LONGEST_GIVEN = 80


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Keep what is answered.

        Args:
            status: HTTP's.
            kind: OpenAI's `type`.
            message: one sentence for people.
            code: OpenAI's `code`.
            param: the field of the request that is wrong.
            retry_after: seconds after which it makes sense to ask again.
        """
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def body(self) -> bytes:
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def refuse_field(param: str, given: object, allowed: str) -> Refused:
    """Refuse a field: what was given, cut to 80 characters, and what is allowed."""
    return refuse_request(f"{param}: given {_describe(given)}; allowed: {allowed}", param)


def refuse_request(message: str, param: str | None = None, code: str | None = None) -> Refused:
    return Refused(400, "invalid_request_error", message, param=param, code=code)


def refuse_key(message: str) -> Refused:
    return Refused(401, "invalid_request_error", message, code="invalid_api_key")


def refuse_funds(model: str) -> Refused:
    return Refused(
        402,
        "insufficient_quota",
        f"Your account's balance does not cover this request to {model}. Add funds to it, or ask for fewer tokens: "
        "a shorter prompt or a smaller max_tokens.",
        code="insufficient_quota",
    )


def refuse_model(model: str) -> Refused:
    return Refused(
        404,
        "invalid_request_error",
        f"The model {_describe(model)} does not exist. GET /v1/models lists those that do.",
        code="model_not_found",
        param="model",
    )


def refuse_path(method: str, path: str) -> Refused:
    return Refused(404, "invalid_request_error", f"Unknown request URL: {method[:16]} {path[:_LONGEST_GIVEN]}")


def refuse_method(method: str, allowed: str) -> Refused:
    return Refused(405, "invalid_request_error", f"{method[:16]} is not allowed here; allowed: {allowed}")


def refuse_size(most: int) -> Refused:
    return Refused(413, "invalid_request_error", f"The request's body is too large; allowed: at most {most} bytes")


def refuse_for_now(message: str) -> Refused:
    """Refuse a request that may be asked again in some seconds, spread so that not all come back at once."""
    seconds = random.randint(1, 5)  # noqa: S311  # no secret
    return Refused(503, "server_error", message, code="unavailable", retry_after=seconds)


def refuse_engine(message: str, status: int = 502) -> Refused:
    return Refused(status, "server_error", message, code="engine_failed")


def _describe(given: object) -> str:
    try:
        text = json.dumps(given, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = type(given).__name__
    return text if len(text) <= _LONGEST_GIVEN else f"{text[: _LONGEST_GIVEN - 3]}..."

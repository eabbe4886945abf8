"""What Prometheus knows at this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.exceptions import ConnectionError as NotReached
from requests.exceptions import ReadTimeout, RequestException
from urllib3.util.retry import Retry

_TIMEOUT_SECONDS = 10


class PrometheusUnusable(Exception):
    """Prometheus is away, or does not answer a query; the text says which, and why."""


@dataclass(frozen=True)
class Sample:
    """One time series, now."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """The Prometheus of an environment."""

    def __init__(self, url: str) -> None:
        self._where = f"Prometheus at {url}"
        # Whoever asks decides whether to ask again; what is read in vain stays a timeout.
        self._client = PrometheusConnect(url, timeout=_TIMEOUT_SECONDS, retry=Retry(total=0, read=False))

    def ask(self, query: str) -> Sequence[Sample]:
        """Return the value of a query at this moment, in the order of its labels.

        Raises:
            PrometheusUnusable: it is away, refuses the query, or answers with something else.
        """
        try:
            found = self._client.custom_query(query)
        except ReadTimeout:
            raise PrometheusUnusable(f"{self._where}: no answer within {_TIMEOUT_SECONDS} s") from None
        except NotReached:
            raise PrometheusUnusable(f"{self._where}: not reached") from None
        except (LookupError, TypeError, ValueError):
            raise PrometheusUnusable(f"{self._where}: an answer that is not Prometheus'") from None
        except (PrometheusApiClientException, RequestException) as error:
            raise PrometheusUnusable(f"{self._where}: {error}") from None
        try:
            return sorted(_read(found), key=lambda sample: sorted(sample.labels.items()))
        except (LookupError, TypeError, ValueError, AttributeError):
            raise PrometheusUnusable(f"{self._where}: no values of this moment were answered to `{query}`") from None


def _read(found: object) -> Sequence[Sample]:
    match found:
        case [int() | float(), str(value)]:  # of a number by itself
            return [Sample({}, float(value))]
        case list():
            return [
                Sample({str(name): str(text) for name, text in series["metric"].items()}, float(series["value"][1]))
                for series in found
            ]
    raise TypeError(found)

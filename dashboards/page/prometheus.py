"""Questions to Prometheus, and its answers as series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import Response, Session
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import InvalidJSONError, RequestException, Timeout
from urllib3.util.retry import Retry

from dashboards.layout import RATE_INTERVAL, Panel, Query
from dashboards.page.readings import Reading, Series, make_printable, name_series
from dashboards.page.span import Span

TIMEOUT_SECONDS = 30


class Unanswered(Exception):
    """Prometheus gave no answer that can be drawn; the text says to which panel's query, and why."""


class Prometheus:
    """A living Prometheus."""

    def __init__(self, metrics_url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Ask the one at that address; nobody is asked yet."""
        self._where = f"Prometheus at {metrics_url}"
        self._timeout_seconds = timeout_seconds
        session = Session()
        session.hooks["response"].append(_refuse)
        # Whoever waits for a page wants to know at once that nobody answers; what is read in vain stays a timeout.
        self._client = PrometheusConnect(metrics_url, session=session, retry=Retry(total=0, read=False))

    def read(self, panel: Panel, span: Span) -> Reading:
        """Ask every query of a panel.

        Raises:
            Unanswered: one of them has no answer that can be drawn.
        """
        return Reading(panel, [series for query in panel.queries for series in self._ask(panel, query, span)])

    def _ask(self, panel: Panel, query: Query, span: Span) -> list[Series]:
        expression = query.expression.replace(RATE_INTERVAL, f"{span.rate_seconds}s")
        with self._translate(panel, expression):
            found = self._client.custom_query_range(
                expression,
                datetime.fromtimestamp(span.begin, UTC),
                datetime.fromtimestamp(span.end, UTC),
                str(span.step),
                timeout=self._timeout_seconds,
            )
            read = [_read_series(answer, query, span) for answer in found]
        return sorted((series for series in read if series.find_latest()), key=lambda series: series.name)

    @contextmanager
    def _translate(self, panel: Panel, expression: str) -> Iterator[None]:
        try:
            yield
        except _Refused as refused:
            why = f"refused: {refused}"
        except Timeout:
            why = f"no answer within {self._timeout_seconds:g} s"
        except NotConnected:
            why = "it can't be reached: is the environment up?"
        except (InvalidJSONError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            # Some of requests' own errors are ValueErrors, too: of an address, which the contract has checked.
            why = "an answer that is not Prometheus'"
        except (PrometheusApiClientException, RequestException) as error:
            why = make_printable(str(error))
        else:
            return
        raise Unanswered(f"{self._where}: panel {panel.title}: query {expression}: {why}")


class _Refused(Exception):
    """Prometheus says what it does not like."""


def _refuse(response: Response, *_: object, **__: object) -> None:
    """Raise what a refusal says: the client would quote the whole of it, as bytes."""
    if response.ok:
        return
    try:
        why = str(response.json()["error"])
    except (LookupError, TypeError, ValueError):
        why = f"HTTP status {response.status_code}"
    raise _Refused(make_printable(why))


def _read_series(answer: Mapping[str, Any], query: Query, span: Span) -> Series:
    """Return one series of an answer: what it does not say, or says with no finite number, is a gap."""
    values = dict.fromkeys(span.moments, math.nan)
    for moment, text in answer["values"]:
        at = round(float(moment))
        if at not in values:
            raise LookupError(at)
        value = float(text)
        values[at] = value if math.isfinite(value) else math.nan
    return Series(name_series(query.legend, answer["metric"]), list(values.values()), query.allowed)

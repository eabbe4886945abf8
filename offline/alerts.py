"""The alerts of an instance, asked of its Alertmanager."""

from __future__ import annotations

import http.client
import json

from offline.loopback import open_url

ANSWER_SECONDS = 10


class AlertsUnknown(Exception):
    """Alertmanager can't be asked; the text says why."""


def list_firing(port: int) -> list[str]:
    """Return the names of the alerts that fire and that nobody has silenced, each once, in order.

    Raises:
        AlertsUnknown: nothing answers at that port of 127.0.0.1, or it is no Alertmanager.
    """
    url = f"http://127.0.0.1:{port}/api/v2/alerts?active=true&silenced=false&inhibited=false"
    try:
        with open_url(url, timeout=ANSWER_SECONDS) as answer:
            alerts = json.load(answer)
        return sorted({str(alert["labels"]["alertname"]) for alert in alerts})
    except (OSError, http.client.HTTPException) as error:
        raise AlertsUnknown(f"Alertmanager at 127.0.0.1:{port} does not answer: {error}") from None
    except (ValueError, LookupError, TypeError):
        raise AlertsUnknown(f"what answers at 127.0.0.1:{port} is no Alertmanager") from None

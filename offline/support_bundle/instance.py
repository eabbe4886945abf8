"""The chapters on one instance: what it remembers, what Pulumi knows of it, what its servers say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from offline.health import examine_parts
from offline.instance import Home
from offline.stack import STACK
from offline.support_bundle.machine import list_findings
from offline.support_bundle.output import ToolSilent, ask, fetch, read_end
from offline.support_bundle.parts import Chapter, Part, to_json
from offline.tools import prepare_environment, require_cli

_FILE_LINES = 5000
"""How much of the end of a rendered file is kept."""

_UPDATES = 20
"""How many of the stack's last updates are told."""
_OF_UPDATE = ("version", "kind", "startTime", "endTime", "result", "resourceChanges")


def list_chapters(home: Home) -> list[Chapter]:
    return [
        Chapter("Instance", lambda: _list_instance(home)),
        Chapter("Stack", lambda: _list_stack(home)),
        Chapter("Monitoring", lambda: _list_servers(home)),
    ]


def _list_instance(home: Home) -> Iterator[Part]:
    yield Part("instance/instance.json", home.record.read_text)
    yield Part("instance/steps.json", home.steps.read_text)
    yield from list_findings("instance/status", lambda: examine_parts(home))
    for folder in (home.manifests, home.folder / "files"):
        for file in sorted(folder.rglob("*")):
            # A link could lead to anything.
            if file.is_file() and not file.is_symlink():
                yield Part(f"instance/{file.relative_to(home.folder)}", partial(read_end, file, _FILE_LINES))


def _list_stack(home: Home) -> Iterator[Part]:
    def ask_pulumi(*arguments: str) -> str:
        variables = prepare_environment(home, require_cli())
        return ask(["pulumi", "stack", *arguments, "--stack", STACK, "--non-interactive"], variables)

    yield Part("stack/state.json", lambda: ask_pulumi("export"))
    yield Part("stack/outputs.json", lambda: ask_pulumi("output", "--json"))
    history = ("history", "--json", "--page-size", str(_UPDATES))
    yield Part("stack/history.json", lambda: to_json([summarize(it) for it in json.loads(ask_pulumi(*history))]))
    yield Part("stack/logs.txt", lambda: _list_pulumi_logs(home.pulumi_home / "logs"))


def summarize(update: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an update of the stack did, without whose commit it was of, settings, and variables."""
    summary = {name: update[name] for name in _OF_UPDATE if name in update}
    return summary | {"commit": (update.get("environment") or {}).get("git.head")}


def _list_pulumi_logs(folder: Path) -> str:
    """Return what Pulumi wrote, by name and bytes: compressed and encrypted, no secret could be removed from it."""
    return "".join(f"{log.stat().st_size:>10}  {log.name}\n" for log in sorted(folder.iterdir()))


def _list_servers(home: Home) -> Iterator[Part]:
    ports = home.read().ports
    for name in ("targets", "rules", "alerts"):
        url = f"http://127.0.0.1:{ports.metrics}/api/v1/{name}"
        yield Part(f"monitoring/prometheus-{name}.json", partial(_fetch_json, url))
    url = f"http://127.0.0.1:{ports.alerts}/api/v2/alerts"
    yield Part("monitoring/alertmanager-alerts.json", partial(_fetch_json, url))
    url = f"http://127.0.0.1:{ports.gateway}/v1/models"
    yield Part("monitoring/gateway-models.txt", partial(_fetch_status, url))


def _fetch_json(url: str) -> str:
    status, body = fetch(url)
    if status != 200:
        raise ToolSilent(f"{url} answers {status}: {body[:200]}")
    return to_json(json.loads(body))


def _fetch_status(url: str) -> str:
    """Return what a customer is answered, with the status: an error is what is looked for."""
    status, body = fetch(url)
    return f"{status}\n{body}\n"

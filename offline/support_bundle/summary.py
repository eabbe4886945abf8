"""What the terminal says of a bundle: what is in it, what is missing, where it lies."""

from __future__ import annotations

from collections import Counter

from rich.markup import escape
from rich.table import Table

from offline.screen import console, say
from offline.support_bundle.bundle import Bundle, describe_unsought


def show_bundle(bundle: Bundle, presence: str) -> None:
    """Print a bundle's summary; `presence` says whether its instance exists."""
    parts, sizes = Counter[str](), Counter[str]()
    for path, size in bundle.sizes.items():
        folder = path.partition("/")[0]
        parts[folder] += 1
        sizes[folder] += size
    table = Table(title="In the bundle", title_justify="left")
    for heading in ("folder", "parts", "KiB"):
        table.add_column(heading, justify="left" if heading == "folder" else "right")
    for folder, count in parts.items():
        table.add_row(escape(folder), str(count), f"{sizes[folder] / 1024:,.1f}")
    console.print(table)
    for missing in bundle.missing:
        say(f"missing: {missing.path}: {missing.reason}")
    if bundle.unsought:
        say(f"secrets that were not looked for, so they may be in it: {describe_unsought(bundle)}")
    say(f"instance {presence}")
    say(f"{bundle.path} ({bundle.path.stat().st_size / 1024:,.1f} KiB)")
    say("secrets are removed from it, as far as they are known or look like one: read it before you send it")

"""The one convention for names that people see in AWS's console: project, environment, noun.

Physical names follow it through `pulumi:autonaming` in `Pulumi.yaml`; what AWS only numbers gets it as a tag.
"""

from __future__ import annotations

import pulumi


def name_tag(noun: str) -> dict[str, str]:
    """Return the `Name` tag of a resource that has no name of its own."""
    return {"Name": f"{pulumi.get_project()}-{pulumi.get_stack()}-{noun}"}

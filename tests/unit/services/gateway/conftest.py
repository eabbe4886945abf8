"""A deadline would make the speed of the machine a part of what is tested."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

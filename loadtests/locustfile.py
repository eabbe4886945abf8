"""What `locust` runs: users, a traffic shape, and the verdict.

The environment is told by variables, see `loadtests.settings`; SHAPE names a file in `loadtests/shapes`.
"""

from __future__ import annotations

import os

from locust import events

from contract.problems import ContractError
from loadtests.run import Run, give_up
from loadtests.shapes import find_shape
from loadtests.users.streaming import StreamingCustomer  # noqa: F401  # Locust finds it here

try:
    Shape = find_shape(os.environ.get("SHAPE") or "smoke")
except ContractError as error:
    give_up(error)

run = Run(Shape)
events.init.add_listener(run.prepare)
events.test_start.add_listener(run.begin)
events.quitting.add_listener(run.judge)
events.quit.add_listener(run.show)

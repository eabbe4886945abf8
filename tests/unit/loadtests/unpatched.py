"""Locust, imported so that it leaves this process as it is.

As a rule its import puts gevent's sockets and threads in the place of Python's, everywhere. Tests in the same process
have nothing to do with that: import this module before any other that imports Locust.
"""

from __future__ import annotations

import os
from unittest.mock import patch

with patch.dict(os.environ, {"LOCUST_SKIP_MONKEY_PATCH": "1"}):
    import locust  # noqa: F401

"""`python -P -m offline COMMAND`: what `make` calls to run `local` on this machine."""

from __future__ import annotations

import sys

from offline.command_line import main

sys.exit(main())

"""`python -P -m services.images build|list`: makes or names the images that containers run from."""

from __future__ import annotations

import sys

from services.images.command_line import main

sys.exit(main())

"""Runs the page of an alert: `python -m runbooks EngineDown --env local`."""

import sys

from runbooks.command_line import main
from runbooks.interruption import take_signals

if __name__ == "__main__":
    take_signals()
    sys.exit(main())

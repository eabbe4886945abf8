"""Runs the page of an alert: `python -m runbooks EngineDown --env local`."""

import signal
import sys

from runbooks.command_line import main

if __name__ == "__main__":
    # Whoever ends a run, and a connection that breaks, end the playbook too: as ^C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())

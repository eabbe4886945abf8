"""What ends a run before its end."""

import signal


def take_signals() -> None:
    """Make whoever ends this process, or a connection that breaks, end what it started: as a terminal's ^C does.

    What whoever started it has it ignore, as `nohup` does, stays ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)

"""`python -P -m services.engine`: pull an artifact, verify it, serve it until a signal ends it."""

from __future__ import annotations

import os
import sys

from services.engine.cache import fetch
from services.engine.failures import EngineFailed
from services.engine.listener import reserve
from services.engine.llama import load
from services.engine.serving import serve
from services.engine.settings import read_settings
from services.engine.signals import Stopped, stop_on_signals
from services.engine.store import Store
from services.engine.words import complain, say


def main() -> int:
    stop_on_signals()
    try:
        settings = read_settings(os.environ)
        entrance = reserve(settings.address, settings.port)
        file = fetch(settings.artifact, settings.cache, Store(os.environ))
        serve(load(settings, file), entrance, settings)
    except EngineFailed as failure:
        complain(str(failure))
        return 1
    except Stopped:
        say("stopped")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Nothing is torn down: llama.cpp would wait without end for an answer that it still has to give.
    os._exit(code)

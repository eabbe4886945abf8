"""The process behind `offline.simulation`: moto's server, one request at a time.

moto's backends are not safe under concurrent requests, and the Pulumi engine creates many resources at once.
`python -P -m offline.simulation_server PORT [ADDRESS]`; in its container the address is every one, elsewhere loopback.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

# Before moto is imported: policies such as AmazonEKSClusterPolicy exist only then.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class OneAtATime:
    """A WSGI application that answers one request after the other, whole."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            return list(self._application(environ, start_response))


def main() -> None:
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    port, address = int(sys.argv[1]), (sys.argv[2:] or ["127.0.0.1"])[0]
    server = make_server(address, port, application, threaded=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()

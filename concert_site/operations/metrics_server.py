"""The process that tells metrics at METRICS_ADDRESS: `python -m concert_site.operations.metrics_server`.

Apart from the web, so that a site whose threads are all taken still says so.
"""

import logging
import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import ClassVar

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

log = logging.getLogger(__name__)

# A scraper that says nothing is let go.
PATIENCE_SECONDS = 5.0
PATH, HEALTH = "/metrics", "/healthz"


class Server(ThreadingHTTPServer):
    """Listens on IPv4 or IPv6, as the address has it."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers one question."""

    page: ClassVar[object] = None
    timeout = PATIENCE_SECONDS
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "frontrow", ""

    def do_GET(self) -> None:
        """The page, for who may see it."""
        from concert_site.operations.metrics_page import CONTENT_TYPE, MetricsPage, is_allowed

        path = self.path.partition("?")[0]
        if path == HEALTH:
            self.answer(200, b"ok\n")
        elif path != PATH:
            self.answer(404, b"Metrics are at /metrics.\n")
        elif not is_allowed(self.headers.get("Authorization", "")):
            self.answer(401, b"METRICS_TOKEN is asked for as a bearer token.\n")
        else:
            assert isinstance(self.page, MetricsPage)  # noqa: S101  set before anybody could ask
            self.answer(200, self.page.render(), CONTENT_TYPE)

    def answer(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:  # noqa: PLR2004
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called
        """Say nothing: every few seconds somebody asks."""


def serve() -> None:
    """Serve until a signal says stop.

    :raises ImproperlyConfigured: if no address is set, or it can't be had
    """
    from concert_site.operations.metrics_page import MetricsPage

    address = settings.METRICS_ADDRESS
    if address is None:
        raise ImproperlyConfigured("METRICS_ADDRESS is not set: host:port, such as 127.0.0.1:9464.")
    Handler.page = MetricsPage(settings.METRICS_DIR)
    try:
        server = Server(address)
    except OSError as error:
        raise ImproperlyConfigured(f"METRICS_ADDRESS={address[0]}:{address[1]} can't be used: {error}.") from error

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("Metrics are at http://%s:%s%s", *address, PATH)
    server.serve_forever()
    server.server_close()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")
    django.setup()
    try:
        serve()
    except ImproperlyConfigured as error:
        sys.exit(f"frontrow: {error}")


if __name__ == "__main__":
    main()

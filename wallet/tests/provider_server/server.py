"""HTTP: requests, faults on demand, answers that are given again by their idempotency key."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from wallet.tests.provider_server.stripe_api import StripeApi
from wallet.tests.provider_server.toss_api import TossApi
from wallet.tests.provider_server.wire import Answer, Hangup, Request

WIDGETS = Path(__file__).parent
# Nobody waits longer for an answer that doesn't come.
SILENCE_SECONDS = 30.0


@dataclass
class Fault:
    """What goes wrong with the next requests to addresses that match.

    `kind`: "before" (500, nothing is done), "500" (done, then 500), "silence" (done, and no answer), "hangup" (done,
    and the connection cut), "garbage" (done, then no JSON), "busy" (429).
    """

    kind: str
    path: str = ""
    times: int = 1


@dataclass
class ProviderServer:
    """Both providers, their books, and what goes wrong. `clock_off`: seconds that its clock is ahead of ours."""

    url: str = ""
    clock_off: float = 0
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.stripe, self.toss = StripeApi(self.now), TossApi(self.now)

    def now(self) -> float:
        """Its time."""
        return time.time() + self.clock_off

    def fail(self, kind: str, path: str = "", times: int = 1) -> None:
        """Have the next requests to addresses that match this expression go wrong."""
        self.faults.append(Fault(kind, path, times))

    def fault_of(self, request: Request) -> str:
        """What goes wrong with this one."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.path, f"{request.method} {request.path}"):
                fault.times -= 1
                return fault.kind
        return ""

    def answer(self, request: Request) -> Answer:
        """Do what is asked, or what goes wrong.

        :raises Hangup: if there is no answer
        """
        if request.path.startswith("/_test/"):
            return self.obey(request)
        if request.path.startswith("/js/"):
            return Answer(200, (WIDGETS / request.path.rpartition("/")[2]).read_bytes(), "text/javascript")
        self.asked.append((request.method, request.path, request.headers.get("idempotency-key", "")))
        with self.lock:
            kind = self.fault_of(request)
            if kind in ("before", "busy"):
                return Answer.of(500 if kind == "before" else 429, {"code": "COMMON_ERROR", "message": "", "error": {}})
            api = self.stripe if request.headers.get("authorization", "").startswith("Bearer ") else self.toss
            said = api.answer(request, spoils=kind == "500")
        if kind == "silence":
            self.stopping.wait(SILENCE_SECONDS)
        if kind in ("silence", "hangup"):
            raise Hangup
        return Answer(200, b"<html>", "text/html") if kind == "garbage" else said

    def obey(self, request: Request) -> Answer:
        """A test in another process: call a method of the server, or of one of its APIs, by its name.

        `POST /_test/stripe.pay {"reference": "..."}`
        """
        owner, _, name = request.path.removeprefix("/_test/").rpartition(".")
        method: Callable[..., Any] = getattr(getattr(self, owner) if owner else self, name)
        with self.lock:
            return Answer.of(200, method(**request.body))

    def book(self) -> list[dict[str, Any]]:
        """What moved at both: provider, reference (of the payment or refund), amount, currency."""
        return [{"provider": api.name, **line} for api in (self.stripe, self.toss) for line in api.book]

    def settings(self) -> dict[str, str]:
        """What the site needs to know of both."""
        return self.stripe.settings(self.url) | self.toss.settings(self.url)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, writes its answer."""

    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, provider: ProviderServer, *arguments: Any) -> None:
        self.provider = provider
        super().__init__(*arguments)

    def handle_one(self) -> None:
        """Any method."""
        try:
            answer = self.provider.answer(self.read())
        except Hangup:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        # Its widgets ask from the site's pages.
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(answer.body)

    # The names that http.server looks for.
    do_GET = do_POST = handle_one  # noqa: N815

    def read(self) -> Request:
        """The request, its body as JSON or a form of Stripe's."""
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        raw = self.rfile.read(int(headers.get("content-length", 0)))
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        else:
            body = json.loads(raw or b"{}")
        return Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)

    def log_message(self, *_said: object) -> None:
        """Nothing."""


class Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hung up is none of our business."""


@contextmanager
def provider_server(port: int = 0) -> Iterator[ProviderServer]:
    """Have one run on loopback, in threads of this process."""
    provider = ProviderServer()
    front = Front(("127.0.0.1", port), partial(Handler, provider))
    provider.url = f"http://127.0.0.1:{front.server_address[1]}"
    thread = threading.Thread(target=partial(front.serve_forever, poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.stopping.set()
        front.shutdown()
        front.server_close()
        thread.join(timeout=5)

"""An application for granian whose event loop is busy, so that it answers past the loop or not at all."""

import asyncio
import gc
import threading
import time

from concert_site.front import bodies, fast_path
from concert_site.front.bodies import BodyReader, Expected

BUSY_SECONDS = 2.0


class Application:
    def __init__(self):
        self.reader = BodyReader()
        self.transports = {}

    def __rsgi_init__(self, loop):
        self.loop_thread = threading.get_ident()
        self.loop = loop
        fast_path.open_for(loop, self.take)

    def take(self, scope, transport):
        if scope.path == "/fault":
            raise ValueError("not answered")
        if scope.path == "/cancelled":
            raise asyncio.CancelledError
        if scope.path == "/busy":
            self.loop.call_soon_threadsafe(time.sleep, BUSY_SECONDS)
        elif scope.path == "/late":
            threading.Timer(0.2, self.end_late_ones).start()
        elif scope.path == "/loop":
            return False
        elif scope.path == "/expected":
            gc.collect()
            respond(transport, str(sum(isinstance(each, Expected) for each in gc.get_objects())))
            return True
        if bodies.small_size(scope.headers):
            self.reader.expect(transport, lambda body: self.take_body(scope.path, transport, body))
        else:
            respond(transport, self.where())
        return True

    def take_body(self, path, transport, body):
        if path == "/fault-of-a-body":
            raise asyncio.CancelledError
        respond(transport, f"{self.where()}: {body!r}")

    def end_late_ones(self):
        """As if all time were up."""
        self.reader.expected = {each: (body, 0.0) for each, (body, _) in self.reader.expected.items()}
        self.reader.end_late_ones()

    def where(self):
        return "loop" if threading.get_ident() == self.loop_thread else "elsewhere"

    async def __rsgi__(self, scope, transport):
        respond(transport, self.where())


def respond(transport, text):
    transport.response_bytes(200, [("content-type", "text/plain")], text.encode())


application = Application()

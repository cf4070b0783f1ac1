"""The application that the web server calls: what needs no thread is answered in the event loop, the rest in lanes."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable
from io import BytesIO
from typing import IO, cast

from django.conf import settings
from django.http import HttpResponse

from concert_site.front import bodies, draining, fast_path, refusals, routes
from concert_site.front.bodies import BodyReader, BodyRefused
from concert_site.front.connections import Connections
from concert_site.front.environ import BASE, environ_of
from concert_site.front.handlers import READS, Dispatcher, SiteHandler
from concert_site.front.lanes import Lane
from concert_site.front.not_modified import CurrentVersions
from concert_site.front.refusals import FrontRefusal, rendered
from concert_site.front.request_log import RequestLog
from concert_site.front.responses import Sender, headers_of
from concert_site.front.routes import Route
from concert_site.front.rsgi import DONE, Outgoing, Scope, Transport
from concert_site.front.scopes import is_progress, is_welcome, repeatable_key, says_secure
from concert_site.front.snapshots import Key, Snapshot, Snapshots
from concert_site.lib import metrics
from concert_site.lib.database.silence import SilenceWatch, is_silent
from concert_site.lib.log_context import HEADER, request_id_of
from concert_site.lib.web.headers import security_headers
from concert_site.operations import metrics_page, telemetry
from concert_site.operations.metrics_page import MetricsPage
from concert_site.operations.monitoring import process_health, tick_monitor

log = logging.getLogger(__name__)

HEALTH, READINESS, METRICS = "/healthz", "/readyz", "/metrics"
HEALTH_HEADERS = [
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    *((name.lower(), value) for name, value in security_headers(HEALTH, is_secure=False).items()),
]
HEALTHY = b'{"status": "ok"}'
# What is made while a coroutine waits.
WAITED_FOR = (READINESS, METRICS)
# How old the progress of a line may get here, beside what it is made of; and while a newer one is on its way.
FRESH_SECONDS, STALE_SECONDS, OLDEST_SECONDS = 0.2, 0.6, 15.0
TICK_SECONDS = 0.1
# How often is looked whether lines are moved on.
WATCH_SECONDS = 5.0
SCRAPES = "scrapes"
# How often is said how full the lanes are.
LEVELS_SECONDS = 1.0
# So many more objects made than gone again, and the collector looks at them.
NEW_OBJECTS = 50_000
# The web server has waited for what was on its way; a thread that is still at work then is left behind.
STOPPING_SECONDS = 0.2
REFUSED_BODIES: dict[type[BodyRefused], FrontRefusal] = {
    bodies.BodyTooLarge: refusals.TOO_LARGE,
    bodies.TooSlow: refusals.TOO_SLOW,
    bodies.Malformed: refusals.MALFORMED,
    bodies.NoRoom: refusals.BUSY,
}


def lanes() -> dict[str, Lane]:
    """The lanes of a process. Each thread has a connection to PostgreSQL from its first request on."""
    return {
        lane.name: lane
        for lane in (
            # More threads than these only wait for the interpreter's lock. The queue is long: at an opening
            # everybody comes at once, and all of them are served.
            Lane(routes.MAIN, threads=3, waiting=8192, seconds=30),
            # Rare and heavy: what is canceled or refunded, and whatever staff do.
            Lane(routes.SLOW, threads=2, waiting=256, seconds=20),
            # Hashing is done by a thread of lower priority (concert_site.accounts.hashers); these wait for it, and
            # for mail servers.
            Lane(routes.PASSWORDS, threads=3, waiting=64, seconds=15),
            Lane(routes.STREAMS, threads=2, waiting=16, seconds=20),
            Lane("progress", threads=1, waiting=1024, seconds=5),
            Lane("first-progress", threads=1, waiting=64, seconds=5),
            Lane("probes", threads=1, waiting=1, seconds=5),
            Lane(SCRAPES, threads=1, waiting=1, seconds=9),
        )
    }


class WatchTicks:
    """Looks whether ticks still come, so that the log says it although nobody asks."""

    def run(self) -> None:
        """Look, in a thread."""
        tick_monitor.observe(process_health())

    def give_up(self) -> None:
        """The next one is soon."""


class Exchange:
    """A request on its way through a lane."""

    __slots__ = ("body", "done", "entry", "front", "lane", "length", "path", "request_id", "scope", "transport")

    def __init__(self, front: Front, scope: Scope, transport: Transport, path: str, lane: Lane) -> None:
        self.front, self.scope, self.transport, self.path, self.lane = front, scope, transport, path, lane
        self.request_id = request_id_of(scope.headers.get(HEADER))
        self.body: IO[bytes] | None = None
        self.length = 0
        # What a coroutine waits for, if one does.
        self.done: asyncio.Future[None] | None = None

    def submit(self) -> None:
        """Queue it, now that all of it is here; if there is no room, say so."""
        self.entry = RequestLog(self.request_id, self.scope.method, self.path, self.scope.headers.get("traceparent"))
        if not self.lane.submit(self):
            self.give_up()

    def take_body(self, body: bytes | BodyRefused) -> None:
        """Queue it with a small body, or say why that isn't there."""
        if isinstance(body, BodyRefused):
            self.refuse(REFUSED_BODIES[type(body)])
            return
        self.body, self.length = BytesIO(body), len(body)
        self.submit()

    def run(self) -> None:
        """Have Django answer, in a thread, and answer from there: the loop need not wake up for it."""
        front, scope, path = self.front, self.scope, self.path
        with self.entry:
            try:
                handler = front.dispatcher.handler_of(scope.method, path, has_cookie="cookie" in scope.headers)
                response = handler.respond(environ_of(scope, path, self.body, self.length))
                key = repeatable_key(scope)
                if key is not None:
                    front.versions.remember(key, response)
                self.entry.note(response)
                front.sender.send(front.outgoing(self.transport), scope.method, path, response)
            except BaseException:
                # Django lets through what is no Exception, such as SystemExit.
                log.exception("%s %s could not be answered", scope.method, path)
                self.refuse(refusals.FAILED)
            finally:
                self._end()

    def give_up(self) -> None:
        self.refuse(refusals.BUSY)
        self._end()

    def refuse(self, refusal: FrontRefusal) -> None:
        """Answer in place of Django."""
        self.front.refuse(refusal, self.scope, self.transport, self.path, self.request_id)

    def _end(self) -> None:
        if self.body is not None:
            self.body.close()
        if self.done is not None:
            self.front.ended.append(self.done)


class Front:
    """The RSGI application of one process."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.lanes = lanes()
        self.bodies = BodyReader()
        self.sender = Sender()
        self.connections = Connections()
        # A process that was forked has settings from before `up` named the file.
        self.drain = draining.DrainFile(os.environ.get("DRAIN_FILE", settings.DRAIN_FILE))
        self.progress = Snapshots(
            self._make_progress,
            known=self.lanes["progress"],
            unknown=self.lanes["first-progress"],
            fresh=FRESH_SECONDS,
            stale=STALE_SECONDS,
            oldest=OLDEST_SECONDS,
        )
        self.versions = CurrentVersions()
        probes = self.lanes["probes"]
        self.silence = SilenceWatch(looks=round(settings.DATABASE_SILENCE_SECONDS / TICK_SECONDS))
        self.readiness = Snapshots(self._make_readiness, known=probes, unknown=probes, fresh=0, stale=0)
        self.metrics_page = MetricsPage(settings.METRICS_DIR)
        scrapes = self.lanes[SCRAPES]
        self.metrics = Snapshots(self._make_metrics, known=scrapes, unknown=scrapes, fresh=0, stale=0)
        # Exchanges that were answered. Their tasks end when the loop next comes by, which nobody waits for.
        self.ended: deque[asyncio.Future[None]] = deque()
        self._tick: asyncio.TimerHandle | None = None
        self._watched_at = self._levels_at = time.monotonic()
        # What was answered here since it was last counted: there is no time to count each.
        self.polls = self.repeats = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads, in the process that uses them."""
        self._loop = loop
        freeze_loaded_objects()
        if settings.HAS_METRICS:
            metrics.begin("web", settings.METRICS_DIR)
        telemetry.begin("web")
        for lane in self.lanes.values():
            lane.start()
        self.connections.start()
        self.silence.start()
        self._tick = loop.call_later(TICK_SECONDS, self._on_tick)
        for each in (self.progress, self.readiness, self.metrics):
            each.begin(loop)
        fast_path.open_for(loop, self.take)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the threads end once they have done what waits."""
        if self._tick is not None:
            self._tick.cancel()
        self.connections.stop()
        self.silence.stop()
        for lane in self.lanes.values():
            lane.stop(STOPPING_SECONDS)
        self.sender.close()

    def take(self, scope: Scope, transport: Transport) -> bool:
        """Answer, or have a lane do so; false for what must be waited for in the event loop. In any thread."""
        path = scope.path
        if path in WAITED_FOR:
            return False
        if self._answer(scope, transport, path):
            return True
        size = bodies.small_size(scope.headers)
        if size is None or is_progress(scope, path):
            return False
        exchange = self._exchange(scope, transport, path, routes.route_of(scope.method, path))
        if size:
            self.bodies.expect(transport, exchange.take_body)
        else:
            exchange.submit()
        return True

    def __rsgi__(self, scope: Scope, transport: Transport) -> Awaitable[None]:
        """Answer, or say what to wait for. In the event loop."""
        path = scope.path
        if path == READINESS and self.drain.is_stopping:
            draining.respond(self.outgoing(transport), HEALTH_HEADERS)
            return DONE
        if self._answer(scope, transport, path):
            return DONE
        if is_progress(scope, path):
            key = path, says_secure(scope)
            self.polls += 1
            return self._snapshot(self.progress, key, scope.headers.get("host", ""), scope, transport)
        if path == READINESS:
            return self._snapshot(self.readiness, (path, False), "", scope, transport)
        if path == METRICS and settings.METRICS_TOKEN:
            return self._metrics(scope, transport)
        return self._through_a_lane(scope, transport, path)

    def refuse(
        self, refusal: FrontRefusal, scope: Scope, transport: Transport, path: str, request_id: str = ""
    ) -> None:
        """Answer in place of Django; nothing happens if it was answered already."""
        self.outgoing(transport).response_bytes(refusal.status, *rendered(refusal, scope, path, request_id))

    def outgoing(self, transport: Transport) -> Outgoing:
        """What to answer to. Asked for with the answer at hand: the process may have begun to drain meanwhile."""
        return draining.Closing(transport) if self.drain.is_draining else transport

    def _answer(self, scope: Scope, transport: Transport, path: str) -> bool:
        """Give an answer that is at hand; false if none is."""
        if path == HEALTH:
            self.outgoing(transport).response_bytes(200, HEALTH_HEADERS, HEALTHY)
            return True
        if is_progress(scope, path):
            found = self.progress.at_hand((path, says_secure(scope)), scope.headers.get("host", ""))
            self.polls += found is not None
        elif (key := repeatable_key(scope)) is not None and is_welcome(scope):
            found = self.versions.find(key, scope.headers.get("if-none-match"))
            self.repeats += found is not None
        else:
            return False
        if found is None:
            return False
        found.respond(scope, self.outgoing(transport))
        return True

    async def _snapshot(self, snapshots: Snapshots, key: Key, host: str, scope: Scope, transport: Transport) -> None:
        found = await snapshots.coming(key, host)
        if found is None:
            self.refuse(refusals.BUSY, scope, transport, key[0])
        else:
            found.respond(scope, self.outgoing(transport))

    async def _through_a_lane(self, scope: Scope, transport: Transport, path: str) -> None:
        ended = self.ended
        while ended:
            end(ended.popleft())
        headers = scope.headers
        route = routes.route_of(scope.method, path)
        exchange = self._exchange(scope, transport, path, route)
        if "content-length" in headers or "transfer-encoding" in headers:
            try:
                exchange.body, exchange.length = await self.bodies.read(transport, headers, route.limit)
            except BodyRefused as refused:
                exchange.refuse(REFUSED_BODIES[type(refused)])
                # Who asked first is told no, and sends nothing.
                if isinstance(refused, bodies.BodyTooLarge | bodies.NoRoom) and "expect" not in headers:
                    await self.bodies.discard(transport)
                return
        exchange.done = self._loop.create_future()
        exchange.submit()
        await exchange.done

    def _exchange(self, scope: Scope, transport: Transport, path: str, route: Route) -> Exchange:
        return Exchange(self, scope, transport, path, self.lanes[route.lane])

    async def _metrics(self, scope: Scope, transport: Transport) -> None:
        """The page of metrics, for who has the token; for everybody else it isn't there."""
        if scope.method not in READS or not metrics_page.is_allowed(scope.headers.get("authorization", "")):
            await self._through_a_lane(scope, transport, METRICS)
            return
        await self._snapshot(self.metrics, (METRICS, False), "", scope, transport)

    def _make_metrics(self, key: Key, host: str) -> Snapshot:
        body = self.metrics_page.render()
        headers = [("content-type", metrics_page.CONTENT_TYPE), ("cache-control", "no-store")]
        return Snapshot(200, headers, body, None, time.monotonic())

    def _make_progress(self, key: Key, host: str) -> Snapshot:
        path, is_secure = key
        environ = BASE | {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_HOST": host,
            "wsgi.url_scheme": "https" if is_secure else "http",
        }
        return snapshot_of(self.dispatcher.api, environ)

    def _make_readiness(self, key: Key, host: str) -> Snapshot:
        environ = BASE | {"REQUEST_METHOD": "GET", "PATH_INFO": key[0], "QUERY_STRING": "", "wsgi.url_scheme": "http"}
        return snapshot_of(self.dispatcher.site, environ)

    def _on_tick(self) -> None:
        self._tick = self._loop.call_later(TICK_SECONDS, self._on_tick)
        while self.ended:
            end(self.ended.popleft())
        self.silence.check()
        self.drain.check()
        self.bodies.end_late_ones()
        self.sender.forget_promised()
        for lane in self.lanes.values():
            lane.end_late_ones()
        now = time.monotonic()
        if now - self._levels_at > LEVELS_SECONDS:
            self._levels_at = now
            self._note_levels()
        if now - self._watched_at > WATCH_SECONDS:
            self._watched_at = now
            self.lanes["first-progress"].submit(WatchTicks())

    def _note_levels(self) -> None:
        """Say how full the lanes are, and what was answered without them."""
        for lane in self.lanes.values():
            lane.note_levels()
        polls, self.polls = self.polls, 0
        repeats, self.repeats = self.repeats, 0
        metrics.REPEATED.add("progress", by=polls)
        metrics.REPEATED.add("unchanged", by=repeats)
        metrics.SILENT.set(is_silent())


def freeze_loaded_objects() -> None:
    """Leave out of each collection what a process has loaded by now, and look less often for what is new.

    A quarter of what a hold or a payment computed was looking for cycles that aren't there, in some 200,000 objects of
    Django, its apps and libraries (bench/hot_paths.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def end(done: asyncio.Future[None]) -> None:
    """Let the task of an exchange end."""
    if not done.done():
        done.set_result(None)


def snapshot_of(handler: SiteHandler, environ: dict[str, object]) -> Snapshot:
    """What a handler answers, whole."""
    response = cast("HttpResponse", handler.respond(environ | {"wsgi.input": BytesIO()}))
    try:
        return Snapshot(
            response.status_code, headers_of(response), response.content, response.get("ETag"), time.monotonic()
        )
    finally:
        response.close()

"""The front: what is answered in the event loop, from snapshots, and what a body may be."""

import asyncio
import gc
import resource
import threading
import time
from contextlib import asynccontextmanager

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tokens import create_access_token_for
from concert_site.front import bodies, lanes, routes, scopes, server, snapshots
from concert_site.front.environ import environ_of
from concert_site.front.handlers import ApiHandler, Dispatcher, SiteHandler
from concert_site.front.server import FRESH_SECONDS, STALE_SECONDS, Front
from concert_site.lib.cache import clear_caches
from concert_site.lib.web.headers import NAMES
from concert_site.tests.rsgi_client import Headers, Scope, ask
from reservations.models import ConcertSeat
from reservations.queries.availability import LIFETIME_SECONDS
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def running(front):
    """A front with its threads, as a web server would start and stop it."""
    front.__rsgi_init__(asyncio.get_running_loop())
    try:
        yield front
    finally:
        front.__rsgi_del__(asyncio.get_running_loop())


@pytest.fixture
def front():
    clear_caches()
    scopes.is_allowed.cache_clear()
    yield Front(Dispatcher(SiteHandler(), ApiHandler()))
    scopes.is_allowed.cache_clear()


@pytest.fixture
def path():
    schedule = make_schedule()
    make_seats(schedule, 3)
    return f"/api/v1/schedules/{schedule.pk}/queue/"


def answers(front, *requests):
    """The answers to requests, (path, method, options), one after the other."""

    async def each():
        async with running(front):
            return [await ask(front, path, method, **options) for path, method, options in requests]

    return asyncio.run(each())


class Stuck:
    """Work that keeps its thread until it is let go."""

    def __init__(self):
        self.go = threading.Event()

    def run(self):
        self.go.wait(20)

    def give_up(self):
        self.go.set()


@asynccontextmanager
async def all_busy(front, *names):
    """Every thread of these lanes at work on something that doesn't end."""
    stuck = Stuck()
    for name in names:
        lane = front.lanes[name]
        for _ in range(lane.threads):
            lane._queue.put(each := Share(stuck))
            lane._until[each] = time.monotonic() + 60
    await asyncio.sleep(0.1)
    try:
        yield
    finally:
        stuck.go.set()


class Share:
    """One thread's share of what is stuck."""

    def __init__(self, stuck):
        self.run, self.give_up = stuck.run, stuck.give_up


def test_probes_and_progress_are_answered_while_every_thread_is_busy(front, path):
    async def story():
        async with running(front), all_busy(front, routes.MAIN, routes.SLOW, routes.PASSWORDS, routes.STREAMS):
            return [await ask(front, each) for each in ("/healthz", "/readyz", path, path)]

    assert [answer.status for answer in asyncio.run(story())] == [200, 200, 200, 200]


def test_known_lines_are_answered_while_unknown_ones_are_asked_for(front, path):
    """Whoever makes schedules up fills another lane."""

    async def story():
        async with running(front):
            first = await ask(front, path)
            await asyncio.sleep(STALE_SECONDS)
            async with all_busy(front, "first-progress"):
                return first, await ask(front, path)

    first, again = asyncio.run(story())
    assert (first.status, again.status) == (200, 200)


def test_progress_is_answered_from_a_snapshot(front, path):
    async def story():
        async with running(front):
            first = await ask(front, path)
            async with all_busy(front, "progress", "first-progress"):
                return first, await ask(front, path), await ask(front, path, "HEAD")

    first, again, head = asyncio.run(story())
    assert first == again == head


def test_a_stale_snapshot_is_given_while_another_is_made(front, path):
    async def story():
        async with running(front):
            await ask(front, path)
            make = front.progress.make
            front.progress.make = lambda *key: (time.sleep(0.3), make(*key))[1]
            await asyncio.sleep(FRESH_SECONDS)
            begun = time.monotonic()
            await ask(front, path)
            return time.monotonic() - begun

    assert asyncio.run(story()) < 0.2


def test_progress_that_takes_long_is_told_as_it_was_and_readiness_is_waited_for(front, path, monkeypatch):
    monkeypatch.setattr(snapshots, "LATE_SECONDS", 0.1)

    async def story():
        async with running(front):
            first, _ready = await ask(front, path), await ask(front, "/readyz")
            # As PostgreSQL does that has just fallen silent.
            held_up, make_progress = threading.Event(), front.progress.make
            front.progress.make = lambda *key: (held_up.wait(10), make_progress(*key))[1]
            front.readiness.make = lambda *_key: held_up.wait(10) and None
            await asyncio.sleep(STALE_SECONDS)
            asking = asyncio.ensure_future(ask(front, "/readyz"))
            try:
                late = await ask(front, path)
                await asyncio.sleep(0.2)
                return first, late, asking.done()
            finally:
                held_up.set()
                await asking

    first, late, is_ready_told = asyncio.run(story())
    assert (late.status, late.body) == (200, first.body)
    assert not is_ready_told


def test_concurrent_polls_cost_one_reading(front, path):
    async def story():
        made = []
        make = front.progress.make
        front.progress.make = lambda *key: (made.append(key), time.sleep(0.1), make(*key))[2]
        async with running(front):
            await asyncio.gather(*[ask(front, path) for _ in range(20)])
        return made

    assert len(asyncio.run(story())) == 1


def test_who_has_this_progress_already_gets_nothing_but_its_name(front, path):
    (first,) = answers(front, (path, "GET", {}))
    known = {"if_none_match": first.headers["etag"]}

    again, other = answers(front, (path, "GET", known), (path, "GET", {"if_none_match": '"another"'}))

    assert (again.status, again.body) == (304, b"")
    assert again.headers == {
        name: first.headers[name] for name in ("etag", "cache-control", *(NAMES & set(first.headers)))
    }
    assert (other.status, other.headers["cache-control"]) == (200, "public, max-age=1")


def test_known_availability_needs_no_thread_for_as_long_as_it_is_good(front, path):
    """The front's 304 is Django's own, but for what DRF says of the address."""
    path = path.replace("queue", "availability")

    async def story():
        async with running(front):
            known = {"if_none_match": (await ask(front, path)).headers["etag"]}
            front.versions._kept.clear()
            by_django = await ask(front, path, **known)
            async with all_busy(front, routes.MAIN):
                return by_django, await ask(front, path, **known), await ask(front, path, "HEAD", **known)

    by_django, by_front, head = asyncio.run(story())
    assert by_django.status == 304
    assert (by_front.status, by_front.body) == (304, b"")
    assert by_front == head
    assert by_front.headers == {
        name: by_django.headers[name] for name in by_django.headers.keys() - {"allow", "content-length", "x-request-id"}
    }


def test_what_changed_since_a_version_needs_no_thread_for_as_long_as_it_is_good(front, path):
    path = path.replace("queue", "availability")

    async def story():
        async with running(front):
            version = (await ask(front, path)).headers["etag"].strip('"')
            since = f"{path}since/{version}/"
            by_django = await ask(front, since)
            async with all_busy(front, routes.MAIN):
                by_front = await ask(front, since)
            await asyncio.sleep(LIFETIME_SECONDS)
            await asyncio.to_thread(taken_off_sale)
            return by_django, by_front, await ask(front, since)

    def taken_off_sale():
        ConcertSeat.objects.update(status="UNAVAILABLE")
        connection.close()

    by_django, by_front, later = asyncio.run(story())
    assert (by_front.status, by_front.body) == (200, by_django.body)
    assert by_front.headers | {"x-request-id": by_django.headers["x-request-id"]} == by_django.headers
    assert b'"seats_left":0' in later.body


def test_availability_that_changed_or_may_have_is_asked_of_django(front, path):
    path = path.replace("queue", "availability")
    (first,) = answers(front, (path, "GET", {}))
    (unknown,) = answers(front, (path, "GET", {"if_none_match": '"other"'}))
    ConcertSeat.objects.update(status="UNAVAILABLE")
    time.sleep(LIFETIME_SECONDS)

    (changed,) = answers(front, (path, "GET", {"if_none_match": first.headers["etag"]}))

    assert (unknown.status, changed.status) == (200, 200)


def test_what_a_reader_says_of_itself_does_not_reach_the_others(front, path):
    strange = {
        "accept": "image/png",
        "authorization": "Bearer nonsense",
        "query": "format=xml",
        "cookie": "sessionid=a",
    }

    first, second = answers(front, (path, "GET", strange), (path, "GET", {}))

    assert (first.status, second.status) == (200, 200)
    assert "set-cookie" not in first.headers


def test_a_refused_host_is_not_remembered_for_the_next_request(path, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.SECURE_SSL_REDIRECT = True
    scopes.is_allowed.cache_clear()
    front = Front(Dispatcher(SiteHandler(), ApiHandler()))

    moved, refused, given = answers(
        front, (path, "GET", {}), (path, "GET", {"host": "evil.example"}), (path, "GET", {"scheme": "https"})
    )

    assert (moved.status, refused.status, given.status) == (301, 400, 200)
    scopes.is_allowed.cache_clear()


def test_a_refusal_is_kept_for_a_moment_only(front):
    path = f"/api/v1/schedules/{make_schedule().pk + 1}/queue/"

    async def story():
        async with running(front):
            before = await ask(front, path)
            await asyncio.to_thread(made)
            await asyncio.sleep(FRESH_SECONDS)
            return before, await ask(front, path)

    def made():
        make_schedule()
        connection.close()
        clear_caches()

    before, after = asyncio.run(story())
    assert (before.status, after.status) == (404, 200)


def bearer():
    return {"authorization": f"Bearer {create_access_token_for(make_fan().pk, 60)}"}


TOP_UP = "/api/v1/wallet/charges/"


def test_a_chunked_body_is_a_body(front):
    """Its length is known once it is there."""
    options = bearer() | {
        "transfer_encoding": "chunked",
        "content_type": "application/json",
        "idempotency_key": "a-key",
        "pieces": [b'{"am', b"1", b""],
    }

    (answer,) = answers(front, (TOP_UP, "POST", options))

    assert (answer.status, b"parse_error" in answer.body) == (400, True)


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"content_length": str(routes.PLAIN_LIMIT + 1)}, 413, b"too_large"),
        ({"transfer_encoding": "chunked", "pieces": [b"a" * routes.PLAIN_LIMIT, b"a", b""]}, 413, b"too_large"),
        ({"content_length": "2", "transfer_encoding": "chunked", "pieces": [b"{}", b""]}, 400, b"malformed_request"),
        ({"transfer_encoding": "chunked", "pieces": [b"{}", b"", b""]}, 400, b"malformed_request"),
        ({"content_length": "5000", "pieces": [b"{}", b""]}, 400, b"malformed_request"),
        ({"content_length": "9", "pieces": [b"{"], "stalls": True}, 408, b"request_timeout"),
        ({"content_length": "5000", "pieces": [b"{"], "stalls": True}, 408, b"request_timeout"),
        ({"transfer_encoding": "chunked", "pieces": [b"{"], "stalls": True}, 408, b"request_timeout"),
    ],
)
def test_a_body_that_is_not_taken_is_refused_in_the_apis_shape(front, monkeypatch, options, status, code):
    monkeypatch.setattr(bodies, "SMALL_SECONDS", 0.3)
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.3)

    (answer,) = answers(front, (TOP_UP, "POST", options))

    assert (answer.status, code in answer.body) == (status, True)
    assert answer.headers["connection"] == "close"
    assert b'"type":"client_error"' in answer.body


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/_allauth/app/v1/auth/login", b'{"status":413,"errors":[{"code":'), ("/accounts/login/", b"This request is")],
)
def test_every_address_refuses_in_its_own_shape(front, path, shape):
    (answer,) = answers(front, (path, "POST", {"content_length": "900000"}))

    assert (answer.status, answer.body[: len(shape)]) == (413, shape)


def test_a_refusal_speaks_korean(front):
    (answer,) = answers(front, (TOP_UP, "POST", {"content_length": "900000", "accept_language": "ko-KR,ko;q=0.9"}))

    assert "요청" in answer.body.decode()


def test_bodies_of_some_size_have_a_budget_and_give_it_back(front, monkeypatch):
    monkeypatch.setattr(bodies, "MEMORY_BUDGET", 6_000)
    large = {"transfer_encoding": "chunked", "pieces": [b"a" * 5_000, b""]}
    larger = {"transfer_encoding": "chunked", "pieces": [b"a" * 7_000, b""]}

    first, refused, again = answers(front, *[(TOP_UP, "POST", each) for each in (large, larger, large)])

    assert (first.status, refused.status, again.status) == (401, 503, 401)
    assert (front.bodies.in_memory, front.bodies.in_files) == (0, 0)
    assert refused.headers["retry-after"] == "2"


def test_staff_may_send_a_plan(front):
    """A large body lies in a file; the login page answers, since nobody is logged in."""
    sent = {"content_length": str(2**20), "content_type": "text/plain", "pieces": [b"a" * 2**19, b"a" * 2**19, b""]}

    (answer,) = answers(front, ("/admin/reservations/", "POST", sent))

    assert answer.status in (302, 403)
    assert front.bodies.in_files == 0


def test_a_full_lane_refuses_at_once(front):
    async def story():
        front.lanes[routes.MAIN].waiting = 1
        async with running(front), all_busy(front, routes.MAIN):
            front.lanes[routes.MAIN].submit(Stuck())
            return await ask(front, "/api/v1/wallet/")

    answer = asyncio.run(story())
    assert (answer.status, answer.headers["retry-after"], b'"unavailable"' in answer.body) == (503, "2", True)


def test_a_request_that_waited_too_long_is_refused(front):
    async def story():
        front.lanes[routes.MAIN].seconds = 0.2
        async with running(front), all_busy(front, routes.MAIN):
            return await ask(front, "/api/v1/wallet/")

    assert asyncio.run(story()).status == 503


@pytest.mark.parametrize("fault", [ValueError, SystemExit])
def test_what_django_does_not_catch_is_a_500_and_the_end_of_nothing(front, fault):
    """Twice as often as the lane has threads."""

    def fail(_environ):
        raise fault

    front.dispatcher.api.respond = fail
    count = 2 * front.lanes[routes.MAIN].threads

    failed = answers(front, *[("/api/v1/wallet/", "GET", {})] * count)

    assert [answer.status for answer in failed] == [500] * count


LANES = [
    ("GET", "/api/v1/reservations/", routes.MAIN),
    ("POST", "/api/v1/reservations/", routes.MAIN),
    ("POST", "/api/v1/payments/", routes.MAIN),
    ("POST", "/api/v1/reservations/5/cancel/", routes.SLOW),
    ("POST", "/api/v1/reservations/5/extend/", routes.SLOW),
    ("POST", "/reservations/5/cancel/", routes.SLOW),
    ("POST", "/bookings/AB12CD34/cancel/", routes.SLOW),
    ("POST", "/bookings/AB12CD34/extend/", routes.SLOW),
    ("GET", "/admin/", routes.SLOW),
    ("POST", "/admin/login/", routes.PASSWORDS),
    ("POST", "/accounts/login/", routes.PASSWORDS),
    ("POST", "/accounts/password/reset/", routes.PASSWORDS),
    ("POST", "/_allauth/app/v1/auth/login", routes.PASSWORDS),
    ("POST", "/_allauth/app/v1/auth/reauthenticate", routes.PASSWORDS),
    ("POST", "/_allauth/app/v1/account/password/change", routes.PASSWORDS),
    ("POST", "/_allauth/app/v1/tokens/refresh", routes.MAIN),
    ("POST", "/accounts/logout/", routes.MAIN),
    ("GET", "/accounts/login/", routes.MAIN),
    ("GET", "/api/v1/schedules/7/draw/", routes.STREAMS),
]


def test_each_kind_of_work_has_its_lane():
    for method, path, lane in LANES:
        assert routes.route_of(method, path).lane == lane, (method, path)


def test_work_that_was_given_up_is_not_run():
    lane = lanes.Lane("test", threads=1, waiting=2, seconds=0)
    late = Stuck()
    lane.submit(late)
    lane.end_late_ones()
    lane.start()
    lane.submit(done := Stuck())
    done.go.set()
    lane.stop(5)

    assert late.go.is_set()
    assert not lane._until


@pytest.mark.parametrize("fault", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_thread_outlives_work_that_fails(caplog, fault):
    class Failing(Stuck):
        def run(self):
            raise fault

    lane = lanes.Lane("test", threads=1, waiting=2, seconds=5)
    lane.submit(Failing())
    lane.submit(done := Stuck())
    done.go.set()
    lane.start()
    lane.stop(5)

    assert not lane._until
    assert "Work in lane test failed" in caplog.text


def test_what_came_before_a_process_drains_ends_its_connection_as_well(front, path):
    async def story():
        async with running(front):
            first = await ask(front, path)
            async with all_busy(front, routes.MAIN):
                waiting = asyncio.ensure_future(
                    ask(front, "/api/v1/wallet/", "POST", pieces=[b"{}"], content_length="2")
                )
                await asyncio.sleep(0.1)
                front.drain.is_draining = True
            return first, [await waiting, *[await ask(front, each) for each in (path, "/healthz", "/readyz")]]

    first, later = asyncio.run(story())
    assert "connection" not in first.headers
    assert [(answer.status, answer.headers["connection"]) for answer in later] == [
        (401, "close"),
        (200, "close"),
        (200, "close"),
        (200, "close"),
    ]


def test_what_is_loaded_is_left_out_of_collections(front):
    threshold = gc.get_threshold()
    gc.unfreeze()

    async def story():
        async with running(front):
            return gc.get_freeze_count(), gc.get_threshold()[0]

    try:
        frozen, new_objects = asyncio.run(story())
    finally:
        gc.set_threshold(*threshold)

    assert frozen > 100_000
    assert new_objects == server.NEW_OBJECTS


# --- What a request says -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "is_secure"),
    [("https", True), ("https, http", True), ("http", False), ("http,https", False), (None, False)],
)
def test_whether_it_came_by_https_is_judged_as_django_does(settings, said, is_secure):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    scope = Scope("GET", "/", Headers({} if said is None else {"x-forwarded-proto": said}))

    assert server.says_secure(scope) == WSGIRequest(environ_of(scope, "/", None, 0)).is_secure() == is_secure


def test_a_header_that_came_twice_is_one():
    class Repeated(Headers):
        def items(self):
            return [("accept", "a"), ("cookie", "a=1"), ("accept", "b"), ("cookie", "b=2")]

    environ = environ_of(Scope("GET", "/", Repeated()), "/", None, 0)

    assert (environ["HTTP_ACCEPT"], environ["HTTP_COOKIE"]) == ("a,b", "a=1; b=2")


class Calls:
    """Work that calls a function many times, at each of many depths: one of them is where a chunk of frames ends."""

    def run(self):
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        deeper(300)
        self.faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def deeper(depth):
    if depth:
        for _ in range(500):
            deeper(0)
        deeper(depth - 1)


def test_calls_of_a_lane_take_no_memory_from_the_system_each_time():
    lane = lanes.Lane("test", threads=1, waiting=1, seconds=20)
    lane.submit(calls := Calls())
    lane.start()
    lane.stop(5)

    assert calls.faults < 250

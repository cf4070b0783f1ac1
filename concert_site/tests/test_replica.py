"""Reads from a replica: what goes there, who doesn't, and what happens when it fails."""

from collections.abc import Iterator
from time import monotonic
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, connections, router
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.database import replica
from concert_site.lib.database.connections import limit_statements
from concert_site.lib.database.replica import LagWatch, ReplicaMiddleware, ReplicaRouter, from_replica
from queueing.models import WaitingToken
from reservations.models import Concert, Reservation
from reservations.tests.factories import make_concert
from reservations.views import programme

LEAST = 5.0


class Wrapper:
    """The tests' own database under the replica's alias; notes what it was asked."""

    alias = "replica"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False
        self.errors_occurred = False

    def __getattr__(self, name: str) -> object:
        return getattr(connections["default"], name)

    def close(self) -> None:
        """The other is in a transaction."""

    def cursor(self) -> object:
        return self._ask(connections["default"].cursor)

    def chunked_cursor(self) -> object:
        return self._ask(connections["default"].chunked_cursor)

    def _ask(self, cursor):
        if self.fails:
            self.errors_occurred = True
            raise OperationalError("canceling statement due to conflict with recovery")
        self.asked.append("asked")
        return cursor()


@pytest.fixture
def standby(settings, monkeypatch, db) -> Iterator[Wrapper]:
    for databases in (settings.DATABASES, connections.databases):
        monkeypatch.setitem(databases, "replica", settings.DATABASES["default"])
    monkeypatch.setattr(router, "routers", [ReplicaRouter()])
    # However long a test takes on a machine that has much to do.
    monkeypatch.setattr(replica, "SILENCE_SECONDS", 600)
    watch = LagWatch()
    watch._is_started = True
    monkeypatch.setattr(replica, "lag_watch", watch)
    watch.observe(100, 100, monotonic())
    wrapper = Wrapper()
    connections["replica"] = wrapper
    yield wrapper
    del connections["replica"]


def names(request_method: str = "get", *, lists: bool = False, **cookies: str) -> tuple[str, str]:
    """What a view reads, and from where."""
    request = getattr(RequestFactory(), request_method)("/")
    request.COOKIES.update(cookies)
    seen = []

    def view() -> HttpResponse:
        concerts = Concert.objects.all()
        seen.append(concerts.db)
        return HttpResponse(",".join(concert.name for concert in concerts))

    answer = from_replica(request, view, lists=lists)
    return answer.content.decode(), seen[-1]


def test_a_read_goes_to_the_replica(standby):
    make_concert(name="Aria")
    assert names() == ("Aria", "replica")
    assert standby.asked


@pytest.mark.parametrize(("method", "cookies"), [("post", {}), ("get", {"primary": "1"})])
def test_a_write_and_who_has_just_written_stay_with_the_primary(standby, method, cookies):
    make_concert(name="Aria")
    assert names(method, **cookies) == ("Aria", "default")
    assert not standby.asked


def test_what_fails_on_the_replica_is_asked_of_the_primary(standby):
    make_concert(name="Aria")
    standby.fails = True
    assert names() == ("Aria", "default")


def test_what_fails_elsewhere_is_no_fault_of_the_replica(standby):
    def view() -> HttpResponse:
        raise OperationalError("the primary is away")

    with pytest.raises(OperationalError):
        from_replica(RequestFactory().get("/"), view, lists=False)


@pytest.mark.parametrize(
    ("model", "catalogue", "lists"),
    [
        (Concert, "replica", "replica"),
        (Reservation, "default", "replica"),
        (WaitingToken, "default", "replica"),
        (Group, "default", "default"),
    ],
)
def test_which_reads_go_to_the_replica(model, catalogue, lists):
    routes = ReplicaRouter()
    assert routes.db_for_read(model) == "default"
    with replica.reading_from_replica(lists=False):
        assert routes.db_for_read(model) == catalogue
        assert routes.db_for_write(model) == "default"
    with replica.reading_from_replica(lists=True):
        assert routes.db_for_read(model) == lists
        assert routes.db_for_write(model) == "default"
    assert routes.allow_migrate("replica", "reservations") is False


def test_what_follows_from_a_row_of_the_replica_is_the_primarys(standby):
    """A row may be kept in memory for longer than the page that it was read for."""
    make_concert(name="Aria")
    with replica.reading_from_replica(lists=True):
        (concert,) = Concert.objects.all()
    assert concert._state.db == "replica"
    assert concert.schedules.all().db == "default"
    standby.fails = True
    concert.refresh_from_db()


def test_statements_of_the_web_are_limited_on_both(monkeypatch):
    options = {"default": {"options": "-c lock_timeout=2000"}, "replica": {}}
    databases = {alias: {"OPTIONS": found} for alias, found in options.items()}
    facts = SimpleNamespace(DATABASES=databases, DATABASE_POOLER=False, WEB_STATEMENT_TIMEOUT_MS=30_000)
    monkeypatch.setattr("concert_site.lib.database.connections.settings", facts)
    limit_statements()
    assert all(found["options"].endswith("-c statement_timeout=30000") for found in options.values())


def test_a_lock_is_the_primarys(standby):
    with replica.reading_from_replica(lists=True):
        assert Concert.objects.select_for_update().db == "default"
        assert Concert.objects.all().db == "replica"


def test_the_list_of_staff_is_read_there_and_their_own_save_is_seen(standby, client, settings):
    make_concert(name="Aria")
    client.force_login(make_staff(is_superuser=True))
    page = reverse("admin:reservations_concert_changelist")
    assert "Aria" in client.get(page).content.decode()
    assert standby.asked

    response = ReplicaMiddleware(lambda request: HttpResponse())(RequestFactory().post("/"))
    cookie = response.cookies["primary"]
    assert cookie["max-age"] > LEAST
    assert cookie["httponly"]


@pytest.mark.parametrize("address", ["/api/v1/concerts/?search=aria", "/?search=aria"])
def test_the_catalogue_is_read_there_by_the_api_and_by_pages(standby, client, address):
    make_concert(name="Aria")
    answer = client.get(address)
    assert answer.status_code == 200
    assert "Aria" in answer.content.decode()
    assert standby.asked


def test_a_search_is_counted_once_though_the_replica_fails_in_the_middle(standby, client, monkeypatch):
    make_concert(name="Aria")
    counted = []
    monkeypatch.setattr(programme, "check_rate_limit", lambda *what: counted.append(what))
    standby.fails = True
    assert "Aria" in client.get("/?search=aria").content.decode()
    assert [kind for kind, _caller in counted] == ["search"]


def test_what_the_programme_can_be_narrowed_by_is_read_there_as_well(standby, client, monkeypatch):
    asked, facets = [], programme.facets
    monkeypatch.setattr(programme, "facets", lambda: asked.append(Concert.objects.all().db) or facets())
    client.get("/")
    assert asked == ["replica"]


@pytest.mark.parametrize("method", ["get", "head"])
def test_who_only_reads_is_not_pinned(standby, method):
    response = ReplicaMiddleware(lambda request: HttpResponse())(getattr(RequestFactory(), method)("/"))
    assert not response.cookies


class TestLag:
    def test_it_is_as_old_as_the_oldest_that_is_missing(self):
        watch, now = LagWatch(), monotonic()
        watch.observe(10, 10, now - 3)
        watch.observe(10, 20, now - 2)
        watch.observe(20, 30, now)
        assert watch.lag_seconds == 0.0
        watch.observe(10, 30, now)
        assert watch.lag_seconds == 2.0

    def test_a_late_replica_is_passed_over_and_logged_once(self, caplog):
        watch, now = LagWatch(), monotonic()
        watch._is_started = True
        watch.observe(10, 20, now - 20)
        for _ in range(3):
            watch.observe(10, 30, now)
        assert not watch.is_usable()
        watch.observe(30, 30, now)
        assert watch.is_usable()
        assert caplog.messages == ["The replica is late: the primary is read from", "The replica is read from again"]

    def test_a_promoted_replica_is_passed_over(self):
        watch, now = LagWatch(), monotonic()
        watch._is_started = True
        watch.observe(10, 10, now)
        assert watch.is_usable()
        watch.observe(None, 10, now)
        assert not watch.is_usable()

    def test_an_old_lag_is_unknown(self):
        watch = LagWatch()
        watch._is_started = True
        watch.observe(10, 10, monotonic() - 10)
        assert watch.lag_seconds is None
        assert not watch.is_usable()


def test_without_a_replica_nothing_is_routed(db):
    assert not replica.is_configured()
    assert replica.replica_state() == {}
    assert connection.alias == Concert.objects.all().db == "default"

"""Redis stops, or stands still, in the middle of a sale: only a new join has to wait for it."""

import time
from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.accounts.tests.factories import api_of, make_fan, make_staff
from concert_site.accounts.tests.headless import PASSWORD, log_in, post, sign_up
from concert_site.lib import rate_limits, tasks
from concert_site.lib.api.throttling import CallerThrottle
from concert_site.lib.rate_limits import LIMITS
from concert_site.lib.redis import try_redis
from concert_site.operations.monitoring import part_monitor
from concert_site.tests.audited import broken_invariants
from concert_site.tests.redis_server import redis_of_our_own
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_line, numbers_of
from reservations.api import views, waiting_views
from reservations.domain import waiting_room
from reservations.domain.waiting_room import snapshot_of
from reservations.tests.factories import make_schedule, make_seats
from wallet.tests.factories import make_charge

pytestmark = pytest.mark.django_db

# A Redis that stands still costs one request its timeout of half a second, twice, and the breaker spares the
# others for a second. The rest is room for a busy machine: what waits for Redis without end is beyond it.
STEP_SECONDS = 10.0
WALK_SECONDS = 60.0
BACK_SECONDS = 20.0


@pytest.fixture
def redis():
    part_monitor._missing_since.clear()
    with redis_of_our_own() as ours:
        yield ours


@pytest.fixture
def sale(redis):
    """A sale with ten seats, a fan inside with money, one who is admitted, and three who wait."""
    schedule = make_schedule(queue_max_active=2)
    make_seats(schedule, 10)
    make_active(schedule, make_fan(email="inside@example.com", password=PASSWORD), since=now())
    make_active(schedule, is_inside=False, since=now())
    make_line(schedule, 3)
    make_charge(WaitingToken.objects.get(number=1).user, amount=500_000)
    # Everything has been used before: connections are open, counter, pictures and caches are there.
    assert join(schedule, make_fan()).status_code == 201
    waiting_room.tick(schedule.pk)
    tasks.enqueue("reservations.tick_admission", schedule_id=schedule.pk)
    return schedule


def join(schedule, fan):
    return api_of(fan).post(f"/api/v1/schedules/{schedule.pk}/queue-tokens/")


def fan_of(schedule, number):
    token = WaitingToken.objects.select_related("user").get(concert_schedule=schedule, number=number)
    return token.user, str(token.token)


@contextmanager
def quickly(name, *, seconds=STEP_SECONDS):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds, name


def walk(schedule):
    """Everything that anybody can do in a sale but joining anew, step by step: what was called, and its status."""
    fan, token = fan_of(schedule, 1)
    late, late_token = fan_of(schedule, 2)
    waiting, waiting_token = fan_of(schedule, 3)
    api, at = api_of(fan), f"/api/v1/schedules/{schedule.pk}/"
    seats = [seat["id"] for seat in (yield "seats", lambda: api_of().get(f"{at}seats/"), 200).json()["seats"]]

    for path in ("", "availability/", "queue/"):
        yield path or "schedule", lambda path=path: api_of().get(f"{at}{path}"), 200
    for path in ("concerts/", f"concerts/{schedule.concert_id}/", "schema/"):
        yield path, lambda path=path: api_of().get(f"/api/v1/{path}"), 200

    entered = yield "login", lambda: log_in("inside@example.com"), 200
    refresh = {"refresh_token": entered.json()["meta"]["refresh_token"]}
    yield "refresh", lambda: post("tokens/refresh", refresh), 200
    yield "sign-up", lambda: sign_up("new@example.com"), 200

    yield "join again", lambda: join(schedule, fan), 200
    yield "join again, waiting", lambda: join(schedule, waiting), 200
    yield "own token", lambda: api_of(waiting).get(f"/api/v1/queue-tokens/{waiting_token}/"), 200
    yield "enter", lambda: api_of(late).post(f"/api/v1/queue-tokens/{late_token}/enter/"), 200

    body = {"schedule": schedule.pk, "seats": seats[:2]}
    hold = yield "hold", lambda: api.post("/api/v1/reservations/", body, HTTP_X_QUEUE_TOKEN=token, format="json"), 201
    first, second = (each["id"] for each in hold.json()["reservations"])
    yield "extend", lambda: api.post(f"/api/v1/reservations/{first}/extend/"), 200
    yield "give up", lambda: api.post(f"/api/v1/reservations/{second}/cancel/"), 200
    paid = yield "pay", lambda: api.post("/api/v1/payments/", {"reservations": [first]}, format="json"), 201
    payment = paid.json()["payments"][0]["id"]
    for path in ("reservations/", f"reservations/{first}/", "payments/", f"payments/{payment}/"):
        yield path, lambda path=path: api.get(f"/api/v1/{path}"), 200
    yield "refund", lambda: api.post(f"/api/v1/reservations/{first}/cancel/"), 200

    money = {"data": {"amount": 1_000}, "format": "json", "HTTP_IDEMPOTENCY_KEY": "a"}
    yield "charge", lambda: api.post("/api/v1/wallet/charges/", **money), 201
    yield "charge again", lambda: api.post("/api/v1/wallet/charges/", **money), 200
    yield "wallet", lambda: api.get("/api/v1/wallet/"), 200
    yield "history", lambda: api.get("/api/v1/wallet/history/"), 200

    yield "leave from inside", lambda: api_of(late).delete(f"/api/v1/queue-tokens/{late_token}/"), 200
    yield "leave the line", lambda: api_of(waiting).delete(f"/api/v1/queue-tokens/{waiting_token}/"), 200

    staff = Client()
    credentials = {"login": make_staff(email="staff@example.com", password=PASSWORD).email, "password": PASSWORD}
    yield "staff log in", lambda: staff.post("/accounts/login/?next=/admin/", credentials), 302
    yield "admin", lambda: staff.get("/admin/"), 200
    yield "alive", lambda: staff.get("/healthz"), 200


def walk_all(schedule):
    """Walk it all; the names of the steps that answered otherwise than they should, or too late."""
    wrong, answer, steps = {}, None, walk(schedule)
    while True:
        try:
            name, step, status = steps.send(answer)
        except StopIteration:
            return wrong
        with quickly(name):
            answer = step()
        if answer.status_code != status:
            wrong[name] = (answer.status_code, answer.content)


def wait_until_back(schedule):
    """Join until it works, as an app does that was told to come back; the number that was given."""
    fan, deadline = make_fan(), time.monotonic() + BACK_SECONDS
    while (answer := join(schedule, fan)).status_code == 503:
        assert time.monotonic() < deadline, "Redis is back, and joining isn't"
        time.sleep(0.05)
    assert answer.status_code == 201
    return answer.json()["number"]


def go_away(redis, how):
    {"stopped": redis.stop, "frozen": redis.freeze}[how]()


def come_back(redis, how):
    {"stopped": redis.start, "frozen": redis.thaw}[how]()


def test_with_redis_the_walk_is_right(sale):
    assert walk_all(sale) == {}


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_without_redis_everything_but_a_new_join_goes_on(sale, redis, how):
    go_away(redis, how)
    fan = make_fan()

    with quickly("all of it", seconds=WALK_SECONDS):
        assert walk_all(sale) == {}
        refused = join(sale, fan)

    assert refused.status_code == 503
    assert refused.json()["errors"][0]["code"] == "unavailable"
    assert refused["Retry-After"] == "2"
    assert not WaitingToken.objects.filter(user=fan).exists()
    assert broken_invariants() == {}


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_readiness_tells_that_redis_is_away(sale, redis, how, client):
    go_away(redis, how)

    with quickly("readyz"):
        answer = client.get("/readyz")

    # A load balancer goes on sending fans, who hold and pay.
    said = answer.json()
    assert (answer.status_code, said["status"], said["redis"], said["database"]) == (200, "degraded", "away", "ok")
    come_back(redis, how)
    assert client.get("/readyz").json()["status"] == "ok"


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_when_redis_is_back_the_numbers_go_on_without_a_restart(sale, redis, how):
    last = max(numbers_of(sale, "WAITING"))
    go_away(redis, how)
    assert join(sale, make_fan()).status_code == 503
    come_back(redis, how)

    given = [wait_until_back(sale), wait_until_back(sale)]

    # A frozen Redis counts, once it goes on, what was asked of it before: numbers are skipped, none is given twice.
    assert last < given[0] < given[1]
    assert how == "frozen" or given == [last + 1, last + 2]
    assert walk_all(sale) == {}


def test_when_redis_is_back_caches_and_the_broker_work_again(sale, redis):
    redis.stop()
    cache.set("a", 1)
    assert tasks.enqueue("reservations.tick_admission", schedule_id=sale.pk) is False
    redis.start()
    wait_until_back(sale)

    cache.set("a", 2)
    assert cache.get("a") == 2
    assert tasks.enqueue("reservations.tick_admission", schedule_id=sale.pk) is True
    assert redis.client.llen("ticks") == 1


def test_a_frozen_redis_holds_up_the_cache_for_its_timeout_alone(redis):
    cache.set("a", 1)
    redis.freeze()

    with quickly("cache"):
        assert cache.get("a") is None


def test_while_redis_is_away_it_is_asked_once_a_second(sale, redis):
    redis.stop()
    asked = []

    def ask(redis):
        asked.append(time.monotonic())
        return redis.ping()

    end = time.monotonic() + 1.3
    while time.monotonic() < end:
        try_redis(ask, None)

    assert 1 <= len(asked) <= 2


def test_without_redis_postgresql_is_asked_for_the_line_once_a_second(sale, redis):
    redis.stop()
    started = time.monotonic()

    with CaptureQueriesContext(connection) as queries:
        for _ in range(50):
            assert api_of().get(f"/api/v1/schedules/{sale.pk}/queue/").status_code == 200

    # The sale, its seats, and three looks at the line.
    assert len(queries) <= 5 * (1 + int(time.monotonic() - started))


def test_without_redis_ticks_go_on_and_the_line_is_seen_to_move(sale, redis):
    redis.stop()
    fan, token = fan_of(sale, 2)
    api_of(fan).delete(f"/api/v1/queue-tokens/{token}/")

    waiting_room.tick(sale.pk)

    assert numbers_of(sale, "ACTIVE") == [1, 3]
    assert snapshot_of(sale.pk).line.serving == 3


def test_throttles_let_pass_without_redis_and_count_again_with_it(sale, redis, monkeypatch, settings):
    settings.THROTTLE = True
    monkeypatch.setattr(views.Reservations, "throttle_classes", [CallerThrottle])
    monkeypatch.setattr(waiting_views.Join, "throttle_classes", [CallerThrottle])
    monkeypatch.setitem(LIMITS, "read", 2)
    monkeypatch.setattr(rate_limits, "WINDOW_SECONDS", 86_400)  # so that none ends in the middle
    fan, _ = fan_of(sale, 1)

    def listed():
        return [api_of(fan).get("/api/v1/reservations/").status_code for _ in range(4)]

    redis.stop()
    assert listed() == [200] * 4
    redis.start()
    wait_until_back(sale)
    assert sorted(listed()) == [200, 200, 429, 429]

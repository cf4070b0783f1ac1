"""Joining a line, and watching it move, over HTTP."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework.settings import api_settings

from concert_site.accounts.tests.factories import api_of
from concert_site.lib import rate_limits
from concert_site.lib.api.throttling import CallerThrottle
from concert_site.lib.cache import clear_caches
from concert_site.lib.rate_limits import LIMITS
from concert_site.lib.redis import client
from concert_site.tests.api_errors import only_error
from concert_site.tests.pooled import session_settings
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_line, measured
from reservations.api.waiting_views import Join
from reservations.domain import sale_settings, waiting_room
from reservations.models import Concert, ConcertSchedule, ConcertSeat
from reservations.tests.factories import hold, make_fan, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db

JOIN_FIELDS = {
    "token", "status", "number", "position", "estimated_wait_seconds", "poll_after_seconds", "seed_hash",
    "created_at", "entered_at", "expired_at", "expired_reason",
}  # fmt: skip


@pytest.fixture
def schedule():
    made = make_schedule(queue_message="Doors open at seven.")
    make_seats(made, 10)
    return made


def join(schedule, fan):
    return api_of(fan).post(f"/api/v1/schedules/{schedule.pk}/queue-tokens/")


def queue(schedule):
    return api_of().get(f"/api/v1/schedules/{schedule.pk}/queue/")


# --- Joining -----------------------------------------------------------------------------------


def test_a_join_into_a_quiet_sale(schedule):
    response = join(schedule, make_fan())

    body = response.json()
    assert (response.status_code, set(body)) == (201, JOIN_FIELDS)
    assert (body["status"], body["number"], body["position"]) == ("ACTIVE", 1, None)
    assert (body["estimated_wait_seconds"], body["expired_reason"]) == (None, None)
    assert body["entered_at"] is not None
    assert len(body["seed_hash"]) == 64


def test_a_join_behind_a_line(schedule):
    make_line(schedule, 4)

    response = join(schedule, make_fan())

    body = response.json()
    assert (response.status_code, set(body)) == (201, JOIN_FIELDS)
    assert (body["status"], body["number"], body["position"]) == ("WAITING", 5, 5)
    assert (body["entered_at"], body["expired_at"]) == (None, None)


def test_joining_again_is_200_and_the_same(schedule):
    fan = make_fan()
    first, again = join(schedule, fan), join(schedule, fan)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() | {"poll_after_seconds": 0} == again.json() | {"poll_after_seconds": 0}
    assert WaitingToken.objects.count() == 1


def test_the_statements_of_a_join_and_of_its_repeat(schedule):
    make_line(schedule, 2)
    join(schedule, make_fan())
    fan, counts = make_fan(), []

    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            join(schedule, fan)
        counts.append(len(queries))

    assert counts == [2, 1]


def test_join_of_a_closed_sale_is_409(schedule):
    ConcertSchedule.objects.update(deadline_at=now())

    assert only_error(join(schedule, make_fan())) == (409, "sale_closed", None)


def test_what_is_sold_out_is_not_joined():
    schedule = make_schedule()
    reserve(*make_seats(schedule, 1))

    assert only_error(join(schedule, make_fan())) == (409, "sold_out", None)


def test_joining_needs_an_account(schedule):
    assert only_error(api_of().post(f"/api/v1/schedules/{schedule.pk}/queue-tokens/")) == (
        401,
        "not_authenticated",
        None,
    )


def test_an_unknown_schedule_is_404():
    api = api_of(make_fan())

    for unknown in ("0", "99999999", "9" * 18, "9" * 40, "x"):
        for response in (
            api.post(f"/api/v1/schedules/{unknown}/queue-tokens/"),
            api.get(f"/api/v1/schedules/{unknown}/queue/"),
        ):
            assert only_error(response) == (404, "not_found", None), unknown


def test_a_body_is_not_needed_and_nobody_chooses_their_number_by_one(schedule):
    path = f"/api/v1/schedules/{schedule.pk}/queue-tokens/"

    refused = api_of(make_fan()).post(path, {"number": 1}, format="json")

    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "number")
    assert api_of(make_fan()).post(path, {}, format="json").status_code == 201
    assert api_of(make_fan()).post(path).status_code == 201


# --- Watching ----------------------------------------------------------------------------------


def test_the_progress_of_a_line(schedule):
    ConcertSchedule.objects.update(queue_max_active=2)
    make_line(schedule, 5)
    waiting_room.tick(schedule.pk)

    body = queue(schedule).json()

    seed_hash = body["draw"].pop("seed_hash")
    assert body == {
        "state": "OPEN",
        "serving": 2,
        "last_number": 5,
        "waiting": 3,
        "numbers_per_minute": None,
        "seats_left": 10,
        "message": "Doors open at seven.",
        "draw": {"seed": None, "entries_hash": None, "size": None},
        "poll": [
            {"ahead": 0, "seconds": 1},
            {"ahead": 200, "seconds": 3},
            {"ahead": 1000, "seconds": 5},
            {"ahead": 5000, "seconds": 10},
            {"ahead": 20_000, "seconds": 20},
        ],
        "hints": {"minutes": [], "reach": 12, "poll_after": None, "spread": 0.0, "seats_held": 0, "returns_in": None},
    }
    assert len(seed_hash) == 64


def test_the_progress_says_what_is_in_checkouts_and_where_nothing_is_free_when_it_may_come_back(schedule):
    seats = list(ConcertSeat.objects.of_schedule(schedule.pk))
    hold(*seats[1:], until=now() + timedelta(seconds=132))
    assert progress_hints(schedule) == (len(seats) - 1, None)

    hold(seats[0])
    assert progress_hints(schedule) == (len(seats), 130)


def progress_hints(schedule):
    """What the progress says of held seats, asked anew."""
    clear_caches()
    client().flushdb()
    hints = queue(schedule).json()["hints"]
    return hints["seats_held"], hints["returns_in"]


def test_the_progress_is_the_same_for_everybody_and_a_proxy_may_keep_it(schedule):
    response = queue(schedule)

    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=1"
    assert "Set-Cookie" not in response.headers
    assert not response.cookies
    assert {"Cookie", "Authorization"}.isdisjoint(response.get("Vary", "").split(", "))


def test_who_has_this_very_progress_is_told_so_with_nothing(schedule):
    first = queue(schedule)

    again = api_of().get(first.request["PATH_INFO"], headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], "public, max-age=1")


def test_the_head_of_the_progress_has_its_etag(schedule):
    head = api_of().head(f"/api/v1/schedules/{schedule.pk}/queue/")

    assert (head.status_code, head.content, head["ETag"]) == (200, b"", queue(schedule)["ETag"])


def test_another_progress_has_another_etag(schedule):
    before = queue(schedule)["ETag"]
    sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_message="Doors open at eight.")

    response = api_of().get(f"/api/v1/schedules/{schedule.pk}/queue/", headers={"If-None-Match": before})

    assert (response.status_code, response.json()["message"]) == (200, "Doors open at eight.")


def test_the_progress_asks_for_no_account_and_looks_at_no_token(schedule):
    api = api_of()
    api.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    assert api.get(f"/api/v1/schedules/{schedule.pk}/queue/").status_code == 200


def test_the_hash_of_the_seed_is_the_one_of_the_join(schedule):
    assert join(schedule, make_fan()).json()["seed_hash"] == queue(schedule).json()["draw"]["seed_hash"]


def test_the_progress_is_no_query_when_warm(schedule):
    queue(schedule)

    with CaptureQueriesContext(connection) as queries:
        queue(schedule)

    assert len(queries) == 0


def test_before_the_lobby_the_room_is_upcoming():
    schedule = make_schedule(reservation_available_at=now() + timedelta(minutes=61))
    make_seats(schedule)

    assert queue(schedule).json()["state"] == "UPCOMING"
    assert only_error(join(schedule, make_fan())) == (409, "sale_not_open", None)


def test_a_paused_room_says_so_and_promises_no_speed(schedule):
    make_line(schedule, 3)
    measured(schedule, (60, -30))
    waiting_room.tick(schedule.pk)
    assert queue(schedule).json()["numbers_per_minute"] == pytest.approx(33, abs=3)
    ConcertSchedule.objects.update(queue_paused=True)
    clear_caches()
    waiting_room.tick(schedule.pk)

    body = queue(schedule).json()
    assert (body["state"], body["numbers_per_minute"]) == ("PAUSED", None)
    assert join(schedule, make_fan()).json()["estimated_wait_seconds"] is None


def test_an_unpublished_concert_has_no_queue(schedule):
    Concert.objects.update(status="UNAVAILABLE")

    assert only_error(queue(schedule)) == (404, "not_found", None)


# --- How often, and behind whose lock ----------------------------------------------------------


@pytest.fixture
def throttled(monkeypatch, settings):
    """As in production: the tests' settings have no throttles."""
    settings.THROTTLE = True
    monkeypatch.setattr(Join, "throttle_classes", [CallerThrottle])
    monkeypatch.setitem(LIMITS, "join", 3)
    monkeypatch.setattr(rate_limits, "WINDOW_SECONDS", 86_400)  # so that none ends in the middle


def test_who_joins_too_often_is_told_when_to_come_back(schedule, throttled):
    fan = make_fan()

    answers = [join(schedule, fan) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 429]
    assert only_error(answers[-1]) == (429, "throttled", None)
    assert 1 <= int(answers[-1]["Retry-After"]) <= 86_400
    assert join(schedule, make_fan()).status_code == 201


def test_the_public_progress_is_never_throttled(schedule):
    """A whole phone network may come from one address."""
    assert api_settings.DEFAULT_THROTTLE_CLASSES is not None
    assert {queue(schedule).status_code for _ in range(LIMITS["read"] // 10)} == {200}


@contextmanager
def another_transaction(sql, params):
    """A transaction of somebody else who has done this and thinks about the rest; we wait a tenth of a second."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(sql, params)
        with session_settings(lock_timeout="100ms"):
            yield
    finally:
        other.rollback()
        other.close()


def assert_busy(response):
    assert only_error(response) == (503, "unavailable", None)
    assert response["Retry-After"] == "2"


@pytest.mark.django_db(transaction=True)
def test_a_join_whose_admission_is_locked_out_for_too_long_waits_for_the_tick(schedule):
    with another_transaction("select lock_waiting_room(%s)", [schedule.pk]):
        joined = join(schedule, make_fan())

    assert (joined.status_code, joined.json()["status"], joined.json()["number"]) == (201, "WAITING", 1)
    assert waiting_room.tick(schedule.pk) == 1


@pytest.mark.django_db(transaction=True)
def test_a_join_behind_its_hanging_twin_is_503(schedule):
    fan = make_fan()
    twin = (
        "insert into waiting_token (token, user_id, concert_schedule_id, status, number)"
        " values (gen_random_uuid(), %s, %s, 'WAITING', 99)"
    )

    with another_transaction(twin, [fan.pk, schedule.pk]):
        assert_busy(join(schedule, fan))

    assert join(schedule, fan).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_entering_and_leaving_with_a_locked_token_are_503(schedule):
    token = make_active(schedule, is_inside=False, since=now())
    path = f"/api/v1/queue-tokens/{token.token}/"

    with another_transaction("select from waiting_token where id = %s for update", [token.pk]):
        assert_busy(api_of(token.user).post(f"{path}enter/"))
        assert_busy(api_of(token.user).delete(path))
        assert api_of(token.user).get(path).status_code == 200

    assert api_of(token.user).post(f"{path}enter/").status_code == 200

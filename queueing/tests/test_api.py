"""A fan's own token over HTTP."""

from uuid import uuid4

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.accounts.tests.factories import api_of
from concert_site.lib.redis import client
from concert_site.lib.tasks import enqueuer
from concert_site.tests.api_errors import only_error
from concert_site.tests.unchanged import nothing_changed
from queueing.domain import line
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_fan, make_line
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db

FIELDS = {
    "token", "status", "number", "position", "estimated_wait_seconds", "poll_after_seconds",
    "created_at", "entered_at", "expired_at", "expired_reason",
}  # fmt: skip


def path_of(token, step=""):
    return f"/api/v1/queue-tokens/{token.token if isinstance(token, WaitingToken) else token}/{step}"


def ticks_waiting():
    """How many ticks lie in the broker's queue, which no worker empties here."""
    return client().llen("ticks")


@pytest.fixture
def waiting():
    *_, third = make_line(make_schedule(), 3)
    return third


@pytest.fixture
def admitted():
    return make_active(make_schedule(), is_inside=False, since=now())


def test_the_own_place_in_line(waiting):
    response = api_of(waiting.user).get(path_of(waiting))

    body = response.json()
    assert response.status_code == 200
    assert set(body) == FIELDS
    assert (body["token"], body["status"], body["number"], body["position"]) == (str(waiting.token), "WAITING", 3, 3)
    assert (body["estimated_wait_seconds"], body["entered_at"], body["expired_at"]) == (None, None, None)
    assert 1 <= body["poll_after_seconds"] <= 1.2


def test_get_of_a_token_never_enters_and_writes_nothing(admitted):
    with nothing_changed():
        body = api_of(admitted.user).get(path_of(admitted)).json()

    assert (body["status"], body["position"], body["entered_at"]) == ("ACTIVE", None, None)


def test_looking_is_one_query_once_the_line_is_known(waiting):
    api = api_of(waiting.user)
    api.get(path_of(waiting))

    with CaptureQueriesContext(connection) as queries:
        api.get(path_of(waiting))

    assert len(queries) == 1


def test_entering_answers_the_time_that_is_left(admitted):
    response = api_of(admitted.user).post(path_of(admitted, "enter/"))

    body = response.json()
    assert (response.status_code, set(body)) == (200, FIELDS)
    assert body["status"] == "ACTIVE"
    assert body["entered_at"] is not None
    assert api_of(admitted.user).post(path_of(admitted, "enter/")).json()["expired_at"] == body["expired_at"]


def test_who_waits_is_told_that_it_is_not_their_turn(waiting):
    with nothing_changed():
        response = api_of(waiting.user).post(path_of(waiting, "enter/"))

    assert only_error(response) == (403, "queue_token_inactive", None)


def test_leaving_answers_the_expired_token_again_and_again(waiting):
    api = api_of(waiting.user)

    first, again = api.delete(path_of(waiting)), api.delete(path_of(waiting))

    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], first.json()["expired_reason"]) == ("EXPIRED", "LEFT")
    assert first.json()["expired_at"] == again.json()["expired_at"]


def test_leaving_from_inside_hurries_the_next_admission(admitted):
    api_of(admitted.user).delete(path_of(admitted))

    assert enqueuer.wait()
    assert ticks_waiting() == 1


def test_leaving_the_line_enqueues_no_tick(waiting):
    api_of(waiting.user).delete(path_of(waiting))

    assert enqueuer.wait()
    assert ticks_waiting() == 0


@pytest.mark.parametrize(("method", "step"), [("get", ""), ("delete", ""), ("post", "enter/")])
def test_token_without_an_account_is_401(admitted, method, step):
    response = getattr(api_of(), method)(path_of(admitted, step))

    assert only_error(response) == (401, "not_authenticated", None)


@pytest.mark.parametrize(("method", "step"), [("get", ""), ("delete", ""), ("post", "enter/")])
@pytest.mark.parametrize("other", ["foreign", "unknown", "no-uuid", "0", "6f1c1f0e5d534a2c8f430a4a3a5a7a1g"])
def test_unknown_token_is_404(admitted, method, step, other):
    token = {"foreign": admitted, "unknown": uuid4()}.get(other, other)

    with nothing_changed():
        response = getattr(api_of(make_fan()), method)(path_of(token, step))

    assert only_error(response) == (404, "not_found", None)
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(("method", "step"), [("put", ""), ("post", ""), ("get", "enter/")])
def test_other_methods_are_refused(admitted, method, step):
    response = getattr(api_of(admitted.user), method)(path_of(admitted, step))

    assert only_error(response) == (405, "method_not_allowed", None)


def test_many_who_leave_at_once_leave_one_tick_pending():
    """A tick never queues up behind itself, though no worker takes it up."""
    schedule = make_schedule()
    tokens = [make_active(schedule, since=now()) for _ in range(5)]

    for token in tokens:
        assert api_of(token.user).delete(path_of(token)).status_code == 200

    assert enqueuer.wait()
    assert ticks_waiting() == 1
    assert current_app.conf.task_routes["*.tick_*"] == {"queue": "ticks"}


def test_a_token_that_left_can_be_looked_at_still(waiting):
    line.leave(user_id=waiting.user_id, token=waiting.token)

    body = api_of(waiting.user).get(path_of(waiting)).json()

    assert (body["status"], body["position"], body["number"]) == ("EXPIRED", None, 3)

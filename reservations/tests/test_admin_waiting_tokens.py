"""Waiting tokens in the admin: looked at alone."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_clerk, make_fan
from concert_site.tests.unchanged import nothing_changed
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_line
from reservations.tests.factories import make_schedule

LIST = "/admin/queueing/waitingtoken/"

pytestmark = pytest.mark.django_db


def page_of(token):
    return reverse("admin:queueing_waitingtoken_change", args=[token.pk])


def found(client, **query):
    return [row.pk for row in client.get(LIST, query).context["cl"].result_list]


@pytest.mark.parametrize(
    ("actor", "seen"),
    [(make_fan, 302), (make_clerk, 403), (lambda: make_clerk("view_waitingtoken"), 200)],
    ids=["fan", "clerk without", "clerk who looks"],
)
def test_who_sees_tokens(client, actor, seen):
    client.force_login(actor())
    token = make_active(make_schedule())

    assert client.get(LIST).status_code == seen
    assert client.get(page_of(token)).status_code == seen


def test_nobody_adds_writes_or_deletes(staff):
    token = make_active(make_schedule())

    with nothing_changed():
        assert staff.post(LIST + "add/", {"number": "1"}).status_code == 403
        assert staff.post(page_of(token), {"status": "ACTIVE", "number": "1"}).status_code == 403
        assert staff.post(page_of(token).replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_search_by_token_number_and_the_beginning_of_an_address(staff):
    schedule = make_schedule()
    first, second = make_line(schedule, 2)
    mine = make_active(schedule, make_fan(email="haneul@example.com"))

    assert found(staff, q=str(first.token)) == [first.pk]
    assert found(staff, q="2") == [second.pk]
    assert found(staff, q="HANEUL@") == [mine.pk]
    assert found(staff, q="9" * 40) == []


def test_who_waits_without_a_number_stands_before_the_draw(staff):
    schedule = make_schedule(reservation_available_at=now() + timedelta(minutes=5))
    token = WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule)

    def shown():
        return [staff.get(page).content.decode() for page in (LIST, page_of(token))]

    assert all("not drawn yet" in page for page in shown())
    WaitingToken.objects.update(number=4711)
    assert all("4711" in page and "not drawn yet" not in page for page in shown())
    WaitingToken.objects.update(number=None, status="EXPIRED", expired_reason="LEFT", expired_at=now())
    assert not any("not drawn yet" in page for page in shown())


def test_filters(staff):
    schedule, other = make_schedule(), make_schedule()
    (waiting,) = make_line(schedule, 1)
    active = make_active(other)

    assert found(staff, concert_schedule__id__exact=schedule.pk) == [waiting.pk]
    assert found(staff, status__exact="ACTIVE") == [active.pk]


def test_a_time_that_is_over_reads_expired(staff):
    make_active(make_schedule(), until=now() - timedelta(seconds=1))

    row = staff.get(LIST).content.decode().split("<tbody")[1].split("</tbody")[0]

    assert "expired" in row


def test_a_list_that_is_asked_for_nonsense_is_no_500(staff):
    make_line(make_schedule(), 1)

    for query in ({"q": "a\x00"}, {"p": "x"}, {"concert_schedule__draw_seed__isnull": "1"}):
        assert staff.get(LIST, query).status_code in (200, 302, 400), query


def test_the_list_counts_nothing_and_takes_as_many_queries_for_three_as_for_one(staff):
    schedule = make_schedule()
    make_line(schedule, 1)
    with CaptureQueriesContext(connection) as one:
        staff.get(LIST)
    make_line(schedule, 2)
    with CaptureQueriesContext(connection) as three:
        staff.get(LIST)

    assert len(three) == len(one) <= 5
    assert not [query for query in three if "COUNT(" in query["sql"] and "waiting_token" in query["sql"]]

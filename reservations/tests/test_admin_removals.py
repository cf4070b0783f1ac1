"""Taking seats and dates away again in the admin."""

import pytest
from django.contrib.admin.models import LogEntry

from concert_site.accounts.tests.factories import make_clerk, make_fan
from concert_site.tests.unchanged import nothing_changed, nothing_written
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_concert, make_schedule, make_seats
from reservations.tests.scenes import hold, let_in, make_sale
from reservations.tests.test_admin_schedules import url

CLERK = ("change_concertschedule", "delete_concertschedule")
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("actor", "answer"),
    [(make_fan, 302), (lambda: make_clerk(*CLERK), 403), (lambda: make_clerk("delete_concertseat"), 403)],
    ids=["fan", "clerk of dates", "clerk of seats"],
)
def test_who_may_not_remove_seats_gets_no_page(client, actor, answer):
    client.force_login(actor())
    schedule = make_schedule()
    make_seats(schedule)

    with nothing_changed():
        assert client.get(url("remove_seats", schedule)).status_code == answer
        assert client.post(url("remove_seats", schedule)).status_code == answer


def test_removing_seats_asks_first_and_is_logged(client):
    client.force_login(make_clerk(*CLERK, "delete_concertseat"))
    schedule = make_schedule()
    make_seats(schedule, 3)
    assert url("remove_seats", schedule) in client.get(url("change", schedule)).content.decode()

    with nothing_changed():
        assert "3 seats and the map go" in client.get(url("remove_seats", schedule)).content.decode()
    page = client.post(url("remove_seats", schedule), follow=True).content.decode()

    assert "Removed all 3 seats." in page
    assert url("remove_seats", schedule) not in page
    assert not schedule.seats.exists()
    assert LogEntry.objects.get().change_message == "Removed all 3 seats."


def test_seats_that_were_booked_stay_and_the_page_says_so(staff):
    sale = make_sale(seats=2)
    hold(make_fan(), sale, 0)

    with nothing_written():
        page = staff.post(url("remove_seats", sale.schedule), follow=True).content.decode()

    assert "Seats of this date were booked" in page
    assert url("remove_seats", sale.schedule) not in page
    assert not LogEntry.objects.exists()


def test_a_date_is_deleted_with_its_seats(staff):
    schedule = make_schedule()
    make_seats(schedule, 2)

    question = staff.get(url("delete", schedule)).content.decode()
    staff.post(url("delete", schedule), {"post": "yes"})

    assert "Seats: 2" in question or "seats: 2" in question.lower()
    assert not ConcertSchedule.objects.exists()
    assert LogEntry.objects.get().object_repr == str(schedule)


def test_a_date_without_seats_is_deleted(staff):
    staff.post(url("delete", make_schedule()), {"post": "yes"})

    assert not ConcertSchedule.objects.exists()


def test_a_date_with_a_line_stays_and_says_why(staff):
    sale = make_sale(seats=2)
    let_in(make_fan(), sale)

    assert "A waiting line" in staff.get(url("delete", sale.schedule)).content.decode()
    with nothing_written():
        page = staff.post(url("delete", sale.schedule), {"post": "yes"}, follow=True).content.decode()

    assert "Fans have waited in line for this date, so it stays." in page


def test_a_date_with_bookings_says_why_it_stays(staff):
    sale = make_sale(seats=2)
    hold(make_fan(), sale, 0)

    assert "Bookings, also past ones" in staff.get(url("delete", sale.schedule)).content.decode()


def test_who_may_not_remove_seats_deletes_a_date_only_without_any(client):
    client.force_login(make_clerk(*CLERK))
    empty, full = make_schedule(), make_schedule()
    make_seats(full)

    assert client.post(url("delete", full), {"post": "yes"}).status_code == 403
    assert client.post(url("delete", empty), {"post": "yes"}).status_code == 302

    assert ConcertSchedule.objects.get() == full


def test_a_concert_with_dates_stays(staff):
    concert = make_concert()
    make_schedule(concert)

    with nothing_changed():
        page = staff.post(f"/admin/reservations/concert/{concert.pk}/delete/", {"post": "yes"}, follow=True)

    assert "This concert has dates." in page.content.decode()

"""Reservations in the admin: looked at, and holds given back."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_clerk, make_fan
from concert_site.tests.audited import broken_invariants
from concert_site.tests.forms import post_confirmed
from concert_site.tests.unchanged import nothing_changed
from payments.tests.scenes import make_paid
from reservations.models import Reservation
from reservations.tests.counting import cold_queries_of
from reservations.tests.scenes import NOW, hold, make_sale, reservations_in, statuses

LIST = "/admin/reservations/reservation/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def sale():
    return make_sale(seats=3)


def page_of(reservation):
    return reverse("admin:reservations_reservation_change", args=[reservation.pk])


def release_url(reservation):
    return reverse("admin:reservations_reservation_release_hold", args=[reservation.pk])


def held(sale, *nth, at=NOW, **fan):
    return reservations_in(hold(make_fan(**fan), sale, *nth, now=at))


@pytest.mark.parametrize(
    ("actor", "seen", "released"),
    [
        (make_fan, 302, 302),
        (make_clerk, 403, 403),
        (lambda: make_clerk("view_reservation"), 200, 403),
        (lambda: make_clerk("view_reservation", "change_reservation"), 200, 302),
    ],
    ids=["fan", "clerk without", "clerk who looks", "clerk who changes"],
)
def test_who_sees_reservations_and_releases_holds(client, sale, actor, seen, released):
    client.force_login(actor())
    (reservation,) = held(sale, 0)

    assert client.get(LIST).status_code == seen
    assert client.get(page_of(reservation)).status_code == seen
    assert client.post(release_url(reservation)).status_code == released

    assert statuses(sale) == ("AAA" if seen == 200 and released == 302 else "TAA")


def test_nobody_adds_writes_or_deletes(staff, sale):
    (reservation,) = held(sale, 0)

    with nothing_changed():
        assert staff.post(LIST + "add/", {"price": "1"}).status_code == 403
        assert staff.post(page_of(reservation), {"status": "RESERVED", "price": "1"}).status_code == 403
        assert staff.post(page_of(reservation).replace("change", "delete"), {"post": "yes"}).status_code == 403
        assert staff.get(release_url(reservation)).status_code == 405


def test_a_released_hold_is_said_and_logged(staff, sale):
    (reservation,) = held(sale, 0)

    page = staff.post(release_url(reservation), follow=True).content.decode()

    assert "1 hold released." in page
    assert statuses(sale) == "AAA"
    assert LogEntry.objects.get().change_message == "Released the hold."
    assert broken_invariants() == {}


def test_of_many_the_held_ones_are_released(staff, sale):
    reservations = held(sale, 0, 1)
    paid = make_paid().reservation_id
    chosen = [*(each.pk for each in reservations), paid]

    page = post_confirmed(staff, LIST, {"action": "release_holds", "_selected_action": chosen}).content.decode()

    assert "2 holds released." in page
    assert "1 was not held." in page
    assert Reservation.objects.get(pk=paid).status == "RESERVED"
    assert broken_invariants() == {}


def test_a_clerk_who_looks_is_offered_no_release(client, sale):
    client.force_login(make_clerk("view_reservation"))
    (reservation,) = held(sale, 0)

    with nothing_changed():
        client.post(LIST, {"action": "release_holds", "_selected_action": reservation.pk})

    assert release_url(reservation) not in client.get(page_of(reservation)).content.decode()


def test_releasing_what_is_gone_is_no_500(staff):
    response = staff.post(reverse("admin:reservations_reservation_release_hold", args=[999_999_999]), follow=True)

    assert response.status_code == 200


def test_a_hold_that_is_over_reads_canceled(staff, sale):
    (reservation,) = held(sale, 0, at=now() - timedelta(hours=1))

    body = staff.get(page_of(reservation)).content.decode()

    assert "canceled" in body
    assert staff.get(LIST).context["cl"].result_list[0].status == "RESERVING"


def found(client, **query):
    return [row.pk for row in client.get(LIST, query).context["cl"].result_list]


def test_search_by_reference_and_by_the_beginning_of_an_address(staff, sale):
    (mine,) = held(sale, 0, email="haneul@example.com")
    held(sale, 1, email="other@example.com")

    assert found(staff, q=mine.booking_reference.lower()) == [mine.pk]
    assert found(staff, q=" Haneul@") == [mine.pk]
    assert found(staff, q="nobody") == []
    assert found(staff, q="%") == []


def test_the_list_is_filtered_by_date_and_status(staff, sale):
    (mine,) = held(sale, 0)
    held(make_sale(), 0)

    assert found(staff, concert_schedule__id__exact=sale.pk) == [mine.pk]
    assert found(staff, status__exact="RESERVED") == []


def test_a_list_that_is_asked_for_nonsense_is_no_500(staff, sale):
    held(sale, 0)

    for query in ({"q": "a\x00"}, {"p": "x"}, {"p": "-1"}, {"p": "999"}, {"user__password__startswith": "a"}):
        assert staff.get(LIST, query).status_code in (200, 302, 400), query


def test_the_list_counts_nothing_and_takes_as_many_queries_for_three_as_for_one(staff, sale):
    held(sale, 0)
    one = cold_queries_of(staff, LIST)
    held(sale, 1)
    held(sale, 2)

    assert cold_queries_of(staff, LIST) == one <= 5

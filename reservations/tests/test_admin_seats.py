"""Seats in the admin: looked at one by one, changed many at a time."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_clerk, make_fan
from concert_site.tests.audited import broken_invariants
from concert_site.tests.forms import post_confirmed
from concert_site.tests.unchanged import nothing_changed
from reservations.models import ConcertSeat
from reservations.tests.counting import cold_queries_of
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import hold, make_sale, statuses

LIST = "/admin/reservations/concertseat/"
ACTIONS = ("take_off_sale", "put_on_sale", "change_category", "mark_accessible", "mark_not_accessible")
VIP = {"seat_category": "1", "category": "VIP", "price": "99000", "color": "#ff0000"}

pytestmark = pytest.mark.django_db


def page_of(seat_id):
    return reverse("admin:reservations_concertseat_change", args=[seat_id])


def act(client, action, seat_ids, url=LIST, **sent):
    """Choose an action for these seats, and confirm it; the page that follows, as text."""
    return post_confirmed(client, url, {"action": action, "_selected_action": seat_ids} | sent).content.decode()


@pytest.mark.parametrize(
    ("actor", "seen"),
    [(make_fan, 302), (make_clerk, 403), (lambda: make_clerk("view_concertseat"), 200)],
    ids=["fan", "clerk without", "clerk who looks"],
)
def test_who_sees_seats(client, actor, seen):
    client.force_login(actor())
    sale = make_sale(seats=1)

    assert client.get(LIST).status_code == seen
    assert client.get(page_of(sale.seats[0])).status_code == seen


def test_nobody_adds_writes_or_deletes_a_single_seat(staff):
    sale = make_sale(seats=1)
    page = page_of(sale.seats[0])

    with nothing_changed():
        assert staff.post(LIST + "add/", {"section": "X"}).status_code == 403
        assert staff.post(page, {"status": "RESERVED", "seat_price": "1", "user": "1"}).status_code == 403
        assert staff.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_seats_admin_view_permission_changes_nothing(client):
    client.force_login(make_clerk("view_concertseat"))
    sale = make_sale(seats=1)

    with nothing_changed():
        for action in ACTIONS:
            act(client, action, sale.seats, **VIP)


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_change_changes_and_it_is_logged_on_the_date(client, action):
    client.force_login(make_clerk("change_concertseat", "view_concertseat"))
    sale = make_sale(seats=3)
    ConcertSeat.objects.filter(pk=sale.seats[0]).update(status="UNAVAILABLE")
    ConcertSeat.objects.filter(pk=sale.seats[1]).update(accessible=True)

    act(client, action, sale.seats, **VIP)

    entry = LogEntry.objects.get()
    assert (entry.content_type.model, entry.object_id) == ("concertschedule", str(sale.pk))
    assert "A 1 A-1-1" in entry.change_message
    assert broken_invariants() == {}


def test_seats_action_reports_skipped_seats(staff):
    sale = make_sale(seats=3)
    hold(make_fan(), sale, 0)

    page = act(staff, "take_off_sale", sale.seats)

    assert "Taken off sale: 2." in page
    assert "1 skipped" in page
    assert statuses(sale) == "TUU"


def test_a_change_of_nothing_is_not_logged(staff):
    sale = make_sale(seats=1)

    act(staff, "put_on_sale", sale.seats)

    assert not LogEntry.objects.exists()


def test_all_seats_of_a_filter_are_changed_at_once(staff):
    sale, other = make_sale(seats=5), make_sale(seats=1)

    act(staff, "take_off_sale", sale.seats[:1], f"{LIST}?concert_schedule__id__exact={sale.pk}", select_across="1")

    assert (statuses(sale), statuses(other)) == ("UUUUU", "A")


def test_a_category_is_asked_for_first(staff):
    sale = make_sale(seats=2)

    with nothing_changed():
        page = act(staff, "change_category", sale.seats)

    assert "2 seats are selected." in page
    assert f'name="_selected_action" value="{sale.seats[1]}"' in page


def test_a_category_is_given(staff):
    sale = make_sale(seats=2)

    page = act(staff, "change_category", sale.seats, **VIP)

    assert "Priced VIP, ₩99,000: 2." in page
    assert set(ConcertSeat.objects.values_list("category", "seat_price")) == {("VIP", 99_000)}


@pytest.mark.parametrize("wrong", [{"price": "0"}, {"category": " ", "color": "red"}])
def test_a_category_that_makes_no_sense_is_shown_at_its_field(staff, wrong):
    sale = make_sale(seats=1)

    with nothing_changed():
        response = staff.post(LIST, {"action": "change_category", "_selected_action": sale.seats} | VIP | wrong)

    assert set(response.context["form"].errors) == set(wrong)


def test_a_category_for_seats_of_two_dates_is_refused(staff):
    both = make_sale(seats=1).seats + make_sale(seats=1).seats

    with nothing_changed():
        page = act(staff, "change_category", both, **VIP)

    assert "Choose seats of one date." in page


def test_a_selection_that_makes_no_sense_is_no_500(staff):
    make_sale(seats=1)

    with nothing_changed():
        for selected in ("x", "-1", "99999999999999999999999", ""):
            staff.post(LIST, {"action": "take_off_sale", "_selected_action": selected})


# --- The list ----------------------------------------------------------------------------------


def found(client, **query):
    return [str(row) for row in client.get(LIST, query).context["cl"].result_list]


def test_search_by_section_row_and_number(staff):
    schedule = make_schedule()
    make_seats(schedule, 2, section="Stalls CL", row="A")
    make_seats(schedule, 2, section="Balcony", row="A", seat_label="12")

    assert found(staff, q="stalls a 1") == ["Stalls CL A A-1-1"]
    assert found(staff, q="balcony 12 3") == ["Balcony A 12"]
    assert found(staff, q="nowhere") == []


def test_filters_of_one_date(staff):
    sale, other = make_sale(seats=2), make_sale(seats=1)
    make_seats(sale.schedule, 1, section="B", category="VIP")
    make_seats(other.schedule, 1, section="C")
    of_date = {"concert_schedule__id__exact": sale.pk}

    page = staff.get(LIST, of_date).content.decode()

    assert found(staff, **of_date, section="B") == found(staff, **of_date, category="VIP") == ["B 1 A-1-3"]
    assert 'value="B"' in page
    assert 'value="C"' not in page


def test_a_lapsed_hold_reads_available(staff):
    hold(make_fan(), make_sale(seats=1), 0, now=now() - timedelta(hours=1))

    page = staff.get(LIST).content.decode()

    assert "held" not in page.split("<tbody")[1].split("</tbody")[0]


def test_a_list_that_is_asked_for_nonsense_is_no_500(staff):
    make_sale(seats=1)

    for query in (
        {"concert_schedule__id__exact": "x"},
        {"concert_schedule__id__exact": "9" * 30},
        {"concert_schedule__id__exact": "²"},
        {"q": "9" * 40},
        {"q": "a\x00b"},
        {"status__exact": "NONSENSE"},
        {"section": "' or 1=1"},
        {"p": "x"},
    ):
        assert staff.get(LIST, query).status_code in (200, 302, 400), query


@pytest.mark.parametrize("lookup", ["concert_schedule__draw_seed__isnull", "concert_schedule__draw_seed__gt"])
def test_the_seed_of_a_draw_cannot_be_asked_for(staff, lookup):
    make_sale(seats=1)

    assert staff.get(LIST, {lookup: "x"}).status_code == 400


def test_three_seats_take_as_many_queries_as_one(staff):
    schedule = make_schedule()
    make_seats(schedule)
    url = f"{LIST}?concert_schedule__id__exact={schedule.pk}"
    one = cold_queries_of(staff, url)
    make_seats(schedule, 2)
    make_seats(make_schedule(), 2)

    assert cold_queries_of(staff, url) == one <= 10


def test_a_seat_is_called_by_all_of_its_name(staff):
    sale = make_sale(seats=1)
    seat = ConcertSeat.objects.get(pk=sale.seats[0])
    name = str(seat)

    assert not name.isdecimal()
    assert name in staff.get(LIST).content.decode()
    assert name in staff.get(page_of(seat.pk)).content.decode().partition('id="content"')[2].partition("Category")[0]

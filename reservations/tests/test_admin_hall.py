"""The hall as staff see it: what is shown, to whom, and what each step says before it is done."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.lib.id_ranges import format_ranges
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed
from payments.tests.pages import text_of
from reservations.admin import hall_map
from reservations.admin.hall_steps import STEPS
from reservations.models import ConcertSeat, NamedHold
from reservations.tests.factories import make_fan, make_schedule, make_seats
from reservations.tests.scenes import Sale, hold, let_in, statuses

KEEPING = {"name": "Press", "owner": "Kim", "reason": "Reviews"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    found = make_staff()
    client.force_login(found)
    return found


@pytest.fixture
def sale():
    schedule = make_schedule()
    return Sale(schedule, [seat.pk for seat in make_seats(schedule, 6)])


def page(sale, name="hall", *more):
    return reverse(f"admin:reservations_concertschedule_{name}", args=[sale.pk, *more])


def step(client, sale, name, /, *nth, **fields):
    """Send a step for the nth seats."""
    seats = format_ranges(sale.seats[each] for each in nth)
    return client.post(page(sale, "hall_step", name), {"seats": seats} | fields)


def done(client, sale, name, /, *nth, **fields):
    """Send it as confirmed; what the page that follows says."""
    response = step(client, sale, name, *nth, confirmed="on", **fields)
    assert response.status_code == 302, text_of(response)
    return [str(each) for each in client.get(response.headers["Location"]).context["messages"]]


def hold_now(sale, *nth):
    fan = make_fan()
    at = now()
    let_in(fan, sale, now=at)
    hold(fan, sale, *nth, now=at)
    return fan


def test_the_states_of_all_seats_are_a_letter_each(client, boss, sale):
    hold_now(sale, 0)
    done(client, sale, "keep", 1, **KEEPING)
    done(client, sale, "off-sale", 2)

    assert client.get(page(sale, "hall_states")).json()["seats"] == "TNUAAA"
    assert len(client.get(page(sale, "hall_seats")).json()["ids"]) == 6


def test_the_script_of_the_hall_is_told_how_money_is_written(client, boss, sale, settings):
    settings.CURRENCY = "USD"

    assert 'data-money="${amount}" data-digits="2"' in client.get(page(sale)).content.decode()


def test_who_has_a_seat_is_told_to_who_may_see_fans(client, boss, sale):
    fan = hold_now(sale, 0)
    address = page(sale, "hall_who") + f"?seats={sale.seats[0]}"

    told = client.get(address).json()["seats"][0]["text"]
    client.force_login(make_clerk("view_concertseat"))
    hidden = client.get(address).json()["seats"][0]["text"]

    assert fan.email in told
    assert fan.email not in hidden
    assert "held" in hidden


def test_a_section_is_a_list_of_boxes_without_a_script(client, boss, sale):
    hold_now(sale, 0)

    listed = text_of(client.get(page(sale) + "?section=A"))
    asked = client.post(page(sale, "hall_step", "off-sale"), {"seat": sale.seats[1:3]})

    assert listed.count('name="seat"') == 6
    assert "2 seats" in text_of(asked)


def test_a_long_section_comes_in_portions(client, boss, sale, monkeypatch):
    monkeypatch.setattr(hall_map, "MOST_LISTED", 4)

    first, second = (text_of(client.get(page(sale) + f"?section=A&portion={nth}")) for nth in (1, 2))

    assert (first.count('name="seat"'), second.count('name="seat"')) == (4, 2)
    assert "portion=2" in first


def test_a_step_says_what_it_touches_and_skips_and_changes_nothing_yet(client, boss, sale):
    hold_now(sale, 0)

    with nothing_changed():
        asked = text_of(step(client, sale, "off-sale", 0, 1, 2))

    assert "2 seats" in asked
    assert "1 of the chosen is skipped." in asked


PRICED = {"category": "VIP", "price": "90000", "color": "#112233"}


@pytest.mark.parametrize(
    ("name", "fields", "changed"),
    [
        ("off-sale", {}, {"status": "UNAVAILABLE"}),
        ("accessible", {}, {"accessible": True}),
        ("companion", {}, {"companion": True}),
        ("category", PRICED, {"category": "VIP", "seat_price": 90_000}),
    ],
)
def test_a_step_is_done_once_confirmed_and_stands_in_the_log(client, sale, name, fields, changed):
    client.force_login(make_staff())

    said = done(client, sale, name, 1, 2, **fields)

    assert said[0].endswith(": 2.")
    assert sorted(ConcertSeat.objects.filter(**changed).values_list("pk", flat=True)) == sale.seats[1:3]
    assert "A 1 A-1-2" in LogEntry.objects.latest("pk").change_message
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("name", "undoes"), [("off-sale", "on-sale"), ("accessible", "not-accessible"), ("companion", "not-companion")]
)
def test_a_step_can_be_undone(client, boss, sale, name, undoes):
    before = list(ConcertSeat.objects.order_by("pk").values_list("status", "accessible", "companion"))

    done(client, sale, name, 0)
    done(client, sale, undoes, 0)

    assert list(ConcertSeat.objects.order_by("pk").values_list("status", "accessible", "companion")) == before


def test_seats_are_kept_by_name_listed_and_released(client, boss, sale):
    refused = step(client, sale, "keep", 0, 1, confirmed="on", **KEEPING | {"owner": ""})
    done(client, sale, "keep", 0, 1, 2, **KEEPING)
    skipped = done(client, sale, "on-sale", 0)
    done(client, sale, "release", 0)
    listed = text_of(client.get(page(sale, "hall_named")))
    released = client.post(page(sale, "hall_release_named", NamedHold.objects.get().pk))

    assert "This field is required" in text_of(refused)
    assert skipped == ["1 skipped: held, sold, or so already."]
    assert "Press" in listed
    assert "2</strong> kept" in listed
    assert released.status_code == 302
    assert statuses(sale) == "AAAAAA"
    assert broken_invariants() == {}


def test_a_step_is_for_who_may(client, sale):
    client.force_login(make_clerk("view_concertseat"))

    with nothing_changed():
        assert {step(client, sale, name, 0, confirmed="on").status_code for name in STEPS} == {403}


@pytest.mark.parametrize(("make", "status"), [(make_fan, 302), (make_clerk, 403)])
def test_the_hall_is_for_who_may_see_seats(client, sale, make, status):
    client.force_login(make())
    pages = [page(sale, name) for name in ("hall", "hall_seats", "hall_states", "hall_who", "hall_named")]

    assert {client.get(each).status_code for each in pages} == {status}


def test_without_a_choice_or_a_known_step_nothing_is_asked(client, boss, sale):
    assert step(client, sale, "off-sale").status_code == 302
    assert step(client, sale, "off-sale", 0, seats="x").status_code == 302
    assert step(client, sale, "paint", 0).status_code == 404
    assert client.get(page(sale, "hall_step", "off-sale")).status_code == 404


@pytest.mark.parametrize("seats", [6, 300])
def test_the_hall_takes_few_queries_however_large(client, boss, seats, django_assert_max_num_queries):
    schedule = make_schedule()
    make_seats(schedule, seats)
    sale = Sale(schedule, [])
    client.get(page(sale))

    with django_assert_max_num_queries(9):
        client.get(page(sale))
    with django_assert_max_num_queries(5):
        client.get(page(sale, "hall_states"))

"""The counter's pages: selling, taking payment, printing, taking back, and the till of a day."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.lib.id_ranges import format_ranges
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from payments.models import Payment, TillEntry
from payments.tests.pages import text_of
from payments.tests.scenes import make_fan
from reservations.domain import holds
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import HOLD, Sale, let_in, statuses

SOLD = {"key": "11111111-1111-4111-8111-111111111111", "method": "CASH", "agreed": "50000"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(client):
    found = make_clerk("sell_at_counter")
    client.force_login(found)
    return found


@pytest.fixture
def sale():
    """A date that is on sale by the database's own clock."""
    schedule = make_schedule()
    return Sale(schedule, [seat.pk for seat in make_seats(schedule, 6)])


def page_of(sale):
    return reverse("admin:payments_counter", args=[sale.pk])


def sell(client, sale, *nth, **fields):
    """Send the page of the nth seats."""
    seats = format_ranges(sale.seats[each] for each in nth)
    agreed = {"agreed": str(50_000 * len(nth))}
    return client.post(page_of(sale), {"seats": seats} | SOLD | agreed | fields)


def page_after(client, response):
    return client.get(response.headers["Location"])


def test_a_clerk_sells_to_a_walk_in_and_prints(client, clerk, sale):
    shown = client.post(page_of(sale), {"seats": format_ranges(sale.seats[:2])})
    done = sell(client, sale, 0, 1, tendered="120000", name="Kim")

    assert "₩100,000" in text_of(shown)
    summary = page_after(client, done)
    assert "₩20,000" in text_of(summary)
    printed = client.get(reverse("admin:payments_counter_print", args=[TillEntry.objects.get().sale]))
    assert text_of(printed).count('class="ticket"') == 2
    assert "Kim" in text_of(printed)
    assert broken_invariants() == {}


def test_a_page_that_is_sent_twice_sells_once(client, clerk, sale):
    first, again = sell(client, sale, 0), sell(client, sale, 0)

    assert first.headers["Location"] == again.headers["Location"]
    assert statuses(sale) == "RAAAAA"


def test_a_page_that_is_sent_again_with_something_else_sells_nothing_until_somebody_has_looked(client, clerk, sale):
    sell(client, sale, 0)

    with nothing_written():
        asked = sell(client, sale, 1)

    page = text_of(asked)
    assert "This form was already sent with different content. Look at the till first." in page
    assert SOLD["key"] not in page


def test_a_fan_is_found_by_their_address(client, clerk, sale):
    fan = make_fan()

    sell(client, sale, 0, email=fan.email.upper())

    assert Reservation.objects.get().user == fan


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "nobody@example.com"}, "There is no account with this address"),
        ({"tendered": "49999"}, "less than the total"),
        ({"agreed": "1"}, "The price has changed"),
        ({"method": "COMPLIMENTARY"}, "Select a valid choice"),
        ({"mail_to": "x"}, "valid email"),
    ],
)
def test_what_is_refused_is_said_and_what_was_typed_stays(client, clerk, sale, fields, said):
    with nothing_written():
        page = sell(client, sale, 0, **{"name": "Kim"} | fields)

    assert said.lower() in text_of(page).lower()
    assert 'value="Kim"' in text_of(page)


def test_a_seat_that_went_meanwhile_is_named(client, clerk, sale):
    sell(client, sale, 1)

    page = sell(client, sale, 0, 1, key="22222222-2222-4222-8222-222222222222")

    assert "This seat is taken. A, row 1, seat A-1-2" in text_of(page)


def test_a_gift_needs_its_permission_and_a_reason(client, sale):
    client.force_login(make_clerk("give_complimentary"))
    gift = {"method": "COMPLIMENTARY", "name": "Press"}

    refused = sell(client, sale, 0, **gift)
    done = sell(client, sale, 0, **gift, note="Review")

    assert "Give a reason" in text_of(refused)
    assert done.status_code == 302
    assert Payment.objects.get().complimentary


def test_a_hold_is_paid_at_the_counter(client, clerk, sale):
    fan = make_fan()
    booking = holds.hold_seats(
        user_id=fan.pk, schedule=sale.pk, seats=sale.seats[:2], queue_token=let_in_now(fan, sale)
    )
    page = reverse("admin:payments_take_payment", args=[booking.reference])

    assert "₩100,000" in text_of(client.get(page))
    done = client.post(page, SOLD | {"agreed": "100000", "method": "TERMINAL", "terminal_reference": "T-7"})

    assert "T-7" in text_of(page_after(client, done))
    assert statuses(sale) == "RRAAAA"
    assert client.get(page).status_code == 302


def test_of_a_hold_what_has_lapsed_is_not_paid_at_the_counter(client, clerk, sale):
    fan = make_fan()
    booking = holds.hold_seats(
        user_id=fan.pk, schedule=sale.pk, seats=sale.seats[:2], queue_token=let_in_now(fan, sale)
    )
    for of_seat in (
        Reservation.objects.filter(concert_seat=sale.seats[1]),
        ConcertSeat.objects.filter(pk=sale.seats[1]),
    ):
        of_seat.update(expired_at=booking.expired_at - HOLD)
    page = reverse("admin:payments_take_payment", args=[booking.reference])

    assert "₩50,000" in text_of(client.get(page))
    client.post(page, SOLD | {"agreed": "50000", "method": "TERMINAL", "terminal_reference": "T-7"})

    assert statuses(sale) == "RTAAAA"
    assert broken_invariants() == {}


def test_what_stands_in_the_way_of_paying_for_a_hold_is_said_and_takes_nothing(client, clerk, sale):
    fan = make_fan()
    booking = holds.hold_seats(
        user_id=fan.pk, schedule=sale.pk, seats=sale.seats[:2], queue_token=let_in_now(fan, sale)
    )
    page = reverse("admin:payments_take_payment", args=[booking.reference])
    sell(client, sale, 2)

    with nothing_written():
        changed = client.post(page, SOLD | {"agreed": "90000", "key": "22222222-2222-4222-8222-222222222222"})
        reused = client.post(page, SOLD | {"agreed": "100000"})

    assert 'name="agreed" value="100000"' in text_of(changed)
    assert "This form was already sent with different content." in text_of(reused)
    assert statuses(sale) == "TTRAAA"
    assert client.get(reverse("admin:payments_take_payment", args=["XXXXXXXX"])).status_code == 404


def let_in_now(fan, sale):
    return let_in(fan, sale, now=now())


def test_a_ticket_is_taken_back_and_the_cash_handed_out(client, clerk, sale):
    sell(client, sale, 0, 1)
    number = TillEntry.objects.get().sale
    page = reverse("admin:payments_counter_undo", args=[number])

    first = Reservation.objects.order_by("pk").first()
    done = client.post(page, {"tickets": [first.pk], "note": "Wrong day"})

    assert "Hand out ₩50,000 in cash." in text_of(page_after(client, done))
    assert statuses(sale) == "ARAAAA"
    assert broken_invariants() == {}


def test_what_was_paid_by_card_goes_back_on_the_terminal(client, clerk, sale):
    sell(client, sale, 0, method="TERMINAL", terminal_reference="T-7")
    number = TillEntry.objects.get().sale

    done = client.post(
        reverse("admin:payments_counter_undo", args=[number]),
        {"tickets": [Reservation.objects.get().pk], "note": "Wrong day"},
    )

    assert "Refund ₩50,000 on the card terminal." in text_of(page_after(client, done))
    assert client.get(reverse("admin:payments_counter_undo", args=[SOLD["key"]])).status_code == 404


def test_of_a_canceled_date_no_ticket_is_printed(client, clerk, sale):
    sell(client, sale, 0)
    number = TillEntry.objects.get().sale
    ConcertSchedule.objects.update(canceled_at=now(), change_reason_en="Ill")
    shown, printed = (reverse(f"admin:payments_counter_{name}", args=[number]) for name in ("sale", "print"))

    assert printed not in client.get(shown).content.decode()
    assert "data:image" not in client.get(printed).content.decode()


def test_the_till_shows_a_clerk_their_own_day_and_finance_everybodys(client, clerk, sale):
    sell(client, sale, 0)
    other = make_clerk("sell_at_counter")
    client.force_login(other)
    sell(client, sale, 1)

    own = text_of(client.get(reverse("admin:payments_till")))
    client.force_login(make_clerk("view_tillentry"))
    everybodys = text_of(client.get(reverse("admin:payments_till")))

    assert (clerk.email in own, other.email in own) == (False, True)
    assert clerk.email in everybodys
    assert other.email in everybodys


@pytest.mark.parametrize("make", [make_fan, make_clerk])
def test_pages_of_the_counter_are_for_who_may(client, sale, make):
    client.force_login(make_staff())
    sell(client, sale, 0)
    entry = TillEntry.objects.get()
    of = {"counter": [sale.pk], "take_payment": [entry.booking_reference], "till": []}
    client.force_login(make())

    for name in ("counter", "take_payment", "counter_sale", "counter_print", "counter_undo", "till"):
        response = client.get(reverse(f"admin:payments_{name}", args=of.get(name, [entry.sale])))
        assert response.status_code == (302 if make is make_fan else 403)


def test_the_page_of_a_sale_takes_few_queries_whatever_was_sold(client, clerk, sale, django_assert_max_num_queries):
    sell(client, sale, 0, 1, 2, 3)
    page = reverse("admin:payments_counter_sale", args=[TillEntry.objects.first().sale])

    with django_assert_max_num_queries(8):
        client.get(page)

"""What staff do on a booking's page: each step as they take it, who may, and that a click that comes twice is one."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.utils.timezone import now

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.tests.audited import broken_invariants
from concert_site.trace.context import acting
from payments.models import Payment
from payments.tests.scenes import buy, make_fan
from reservations.domain import holds, staff_notes
from reservations.domain.errors import HoldExpired
from reservations.domain.staff_notes import ExtendedByStaff
from reservations.models import ConcertSchedule, ConcertSeat, Reservation, StaffNote
from reservations.tests.scenes import HOLD, LAPSED, NOW, held_by, hold, in_order, make_sale
from wallet.tests.factories import balance_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    client.force_login(make_staff(email="boss@example.com"))
    return client


def page_of(booking, step=""):
    return f"/admin/bookings/{booking.booking_reference}/{step}"


def make_booking(balance=100_000, seats=(0,)):
    fan, sale = make_fan(balance=balance), make_sale()
    return fan, sale, [each.reservation for each in buy(fan, sale, *seats)]


def reason(**more):
    return {"key": str(uuid4()), "note": "They asked"} | more


def test_a_seat_is_exchanged_from_the_page_and_the_effect_is_shown_first(boss):
    fan, sale, (booked,) = make_booking()
    ConcertSeat.objects.filter(pk=sale.seats[3]).update(seat_price=60_000)
    step = page_of(booked, f"exchange/{booked.pk}/")
    listed = boss.get(step).content.decode()
    confirm = f"{step}?seat={sale.seats[3]}"
    shown = boss.get(confirm).content.decode()
    order = reason(agreed="10000")

    done = boss.post(confirm, order)
    again = boss.post(confirm, order)

    assert f"?seat={sale.seats[3]}" in listed
    assert "+₩10,000" in listed
    assert "+₩10,000" in shown
    assert "₩50,000, and ₩40,000 afterwards" in shown
    assert done.headers["Location"] == again.headers["Location"] == page_of(booked)
    assert (held_by(fan, sale), balance_of(fan)) == ([3], 40_000)
    assert LogEntry.objects.filter(change_message__contains="Exchanged A, row 1, seat A-1-1").count() == 1
    assert "exchanged" in boss.get(page_of(booked)).content.decode()
    assert broken_invariants() == {}


def test_seats_to_exchange_for_are_narrowed_to_a_row_a_section_or_a_category(boss):
    _fan, sale, (booked,) = make_booking()
    ConcertSeat.objects.filter(pk=sale.seats[3]).update(row="9", section="Balcony", category="Gold")
    step = page_of(booked, f"exchange/{booked.pk}/")

    for word in ("9", "balc", "gold"):
        page = boss.get(step, {"where": word}).content.decode()
        assert [f"?seat={seat}" in page for seat in sale.seats[1:]] == [False, False, True, False, False]


def test_a_seat_that_costs_more_than_there_is_says_so_before_it_is_exchanged(boss):
    _fan, sale, (booked,) = make_booking(balance=50_000)
    ConcertSeat.objects.filter(pk=sale.seats[3]).update(seat_price=60_000)

    page = boss.get(f"{page_of(booked, f'exchange/{booked.pk}/')}?seat={sale.seats[3]}").content.decode()

    assert "There isn’t enough in the wallet: put the difference in first." in page


def test_the_story_of_a_hold_says_that_it_was_extended_and_how_it_ended(boss):
    fan, sale = make_fan(), make_sale()
    (pk,) = in_order(hold(fan, sale, 0))
    holds.extend_hold(user_id=fan.pk, reservation_id=pk, now=NOW)
    holds.release_hold(reservation_id=pk, user_id=fan.pk, now=NOW)

    page = boss.get(page_of(Reservation.objects.get(pk=pk))).content.decode()

    assert "More time to pay: A, row 1, seat A-1-1" in page
    assert "Ended: A, row 1, seat A-1-1" in page


@pytest.mark.parametrize(("agreed", "said"), [("5000", "The price has changed"), ("--5", "The old ticket ends")])
def test_a_price_that_changed_since_it_was_shown_charges_nobody(boss, agreed, said):
    fan, sale, (booked,) = make_booking()

    response = boss.post(f"{page_of(booked, f'exchange/{booked.pk}/')}?seat={sale.seats[3]}", reason(agreed=agreed))

    assert said in response.content.decode()
    assert held_by(fan, sale) == [0]


def test_a_booking_is_handed_over_once_the_receiver_was_named(boss):
    fan, sale, (booked,) = make_booking()
    receiver = make_fan(email="bob@example.com", name="Bob")
    order = reason(receiver="Bob@example.com")

    asked = boss.post(page_of(booked, "hand-over/"), order)
    assert held_by(fan, sale) == [0]
    done = boss.post(page_of(booked, "hand-over/"), order | {"sure": str(receiver.pk)})

    assert "Bob" in asked.content.decode()
    assert done.status_code == 302
    assert (held_by(fan, sale), held_by(receiver, sale)) == ([], [0])
    assert receiver.email in boss.get(page_of(booked)).content.decode()
    assert broken_invariants() == {}


def test_nobody_receives_what_has_no_account(boss):
    fan, sale, (booked,) = make_booking()

    response = boss.post(page_of(booked, "hand-over/"), reason(receiver="nobody@example.com"))

    assert "There is no such account" in response.content.decode()
    assert held_by(fan, sale) == [0]


def test_tickets_are_mailed_again_once_a_click(boss):
    _fan, _sale, (booked,) = make_booking()
    Payment.objects.update(confirmed_mail_at=NOW)
    order = reason()

    boss.post(page_of(booked, "send-again/"), order)
    assert Payment.objects.get().confirmed_mail_at is None
    Payment.objects.update(confirmed_mail_at=NOW)
    boss.post(page_of(booked, "send-again/"), order)

    assert Payment.objects.get().confirmed_mail_at == NOW
    assert StaffNote.objects.get().kind == "RESENT"


def test_of_a_canceled_date_no_ticket_is_mailed_again_or_shown(boss):
    _fan, _sale, (booked,) = make_booking()
    Payment.objects.update(confirmed_mail_at=NOW)
    ConcertSchedule.objects.update(canceled_at=now(), change_reason_en="Ill")

    said = boss.post(page_of(booked, "send-again/"), reason()).content.decode()

    assert "This date was canceled, so it has no tickets any more." in said
    assert Payment.objects.get().confirmed_mail_at == NOW
    assert "send-again/" not in boss.get(page_of(booked)).content.decode()
    shown = boss.get(page_of(booked, "tickets/")).content.decode()
    assert "data:image" not in shown
    assert "This date was canceled, so it has no tickets any more." in shown


def test_a_hold_is_kept_longer_by_staff_once_beyond_the_fans_own(boss):
    fan, sale = make_fan(), make_sale()
    reference = hold(fan, sale, 0, 1).reference
    order = {"reference": reference, "actor_id": fan.pk, "note": "On the phone", "now": NOW}
    key = uuid4()

    assert staff_notes.extend_by_staff(key=key, **order) == 2
    assert staff_notes.extend_by_staff(key=key, **order) == 0
    with pytest.raises(ExtendedByStaff):
        staff_notes.extend_by_staff(key=uuid4(), **order)

    assert set(Reservation.objects.values_list("expired_at")) == {(LAPSED + HOLD,)}
    assert broken_invariants() == {}


def test_a_hold_that_is_over_is_not_kept(boss):
    fan, sale = make_fan(), make_sale()
    reference = hold(fan, sale, 0).reference

    with pytest.raises(HoldExpired):
        staff_notes.extend_by_staff(reference=reference, actor_id=fan.pk, note="Late", key=uuid4(), now=LAPSED)

    assert StaffNote.objects.count() == 0


def test_extending_and_releasing_from_the_page(boss):
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, 0)
    booked = Reservation.objects.get()

    boss.post(page_of(booked, "extend/"), reason())
    assert Reservation.objects.get().expired_at == LAPSED + HOLD
    boss.post(page_of(booked, "release/"), reason())

    assert held_by(fan, sale) == []
    assert broken_invariants() == {}


def test_notes_stand_on_the_booking_and_the_fan_with_who_wrote_them(boss):
    fan, _sale, (booked,) = make_booking()
    order = reason(note="Calls back on Monday")

    for _ in range(2):
        boss.post(page_of(booked, "note/"), order)
    boss.post(f"/admin/fans/{fan.pk}/note/", reason(note="Prefers the aisle"))
    boss.post(page_of(booked, "note/"), reason(note=" "))

    assert StaffNote.objects.count() == 2
    assert "Calls back on Monday" in boss.get(page_of(booked)).content.decode()
    assert "boss@example.com" in boss.get(f"/admin/fans/{fan.pk}/").content.decode()


def test_tickets_are_shown_to_staff(boss):
    _fan, _sale, (booked,) = make_booking()

    assert boss.get(page_of(booked, "tickets/")).content.decode().count("data:image/svg+xml") == 1


def test_the_story_says_when_the_time_of_a_hold_was_over(boss):
    hold(make_fan(), make_sale(), 0, now=now() - HOLD)
    held = Reservation.objects.get()

    latest, *_earlier = boss.get(page_of(held)).context["story"]

    assert (latest.at, latest.what.partition(":")[0]) == (held.expired_at, "Ended")


def test_the_story_says_from_what_to_what_staff_changed(boss):
    fan, _sale, _booked = make_booking()
    with acting(User.objects.get(email="boss@example.com").pk):
        User.objects.filter(pk=fan.pk).update(name="Ada Byron")

    assert "→ Ada Byron" in boss.get(f"/admin/fans/{fan.pk}/").content.decode()


@pytest.mark.parametrize(
    ("step", "needed"),
    [
        ("exchange/{}/", "exchange_reservation"),
        ("hand-over/", "serve_fan"),
        ("extend/", "serve_fan"),
        ("send-again/", "serve_fan"),
        ("note/", "serve_fan"),
        ("release/", "change_reservation"),
        ("tickets/", "view_reservation"),
    ],
)
def test_each_step_is_for_who_may(client, step, needed):
    _fan, _sale, (booked,) = make_booking()
    page = page_of(booked, step.format(booked.pk))
    others = {"exchange_reservation", "serve_fan", "change_reservation", "view_reservation", "view_payment"} - {needed}

    client.force_login(make_clerk(*others))
    assert client.get(page).status_code == 403
    client.force_login(make_clerk(needed))
    assert client.get(page).status_code in {200, 302}


def test_the_page_offers_what_may_be_done_now(boss):
    _fan, sale, (booked,) = make_booking()
    hold(make_fan(), sale, 2, now=now() + timedelta(seconds=1))
    held = Reservation.objects.get(status="RESERVING")

    paid, waiting = (boss.get(page_of(each)).content.decode() for each in (booked, held))

    assert [word in paid for word in ("hand-over/", "send-again/", "exchange/", "refund-selected/", "extend/")] == [
        *[True] * 4,
        False,
    ]
    assert [word in waiting for word in ("hand-over/", "exchange/", "extend/", "/release/")] == [
        False,
        False,
        True,
        True,
    ]

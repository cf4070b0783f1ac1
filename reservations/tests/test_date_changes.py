"""A date that is moved: what follows the new day, what stays as it was booked, and who is told."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from concert_site.lib.errors import Conflict, Invalid
from concert_site.tests.unchanged import nothing_changed
from payments.tests.scenes import buy
from reservations.domain import announcements, date_changes, schedules
from reservations.domain.date_changes import ChangeReason, Move
from reservations.models import Announcement, AnnouncementRecipient, ConcertSchedule
from reservations.queries.booking_summaries import BookingTab, booking_summary, references_in
from reservations.queries.date_impact import date_impact
from reservations.tests.factories import make_fan
from reservations.tests.scenes import CONCERT_AT, NOW, hold, make_sale
from wallet.tests.factories import make_fan as make_payer

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
LATER = CONCERT_AT + 20 * DAY
WHY = ChangeReason(ko="출연자 건강 문제", en="The singer is ill")


def move(sale, to=LATER, *, now=NOW, key=None, actor=None, reason=WHY, **how):
    """Move a sale's date as staff who see it as it is."""
    seen = how.pop("seen", None) or ConcertSchedule.objects.get(pk=sale.pk).concert_at
    return date_changes.move_date(
        schedule_id=sale.pk,
        move=Move(concert_at=to, seen=seen, reason=reason, **how),
        actor_id=(actor or make_fan()).pk,
        key=key or uuid4(),
        now=now,
    )


def test_moving_writes_the_new_time_and_keeps_the_first_one():
    sale = make_sale(deadline_at=CONCERT_AT - DAY)

    move(sale)
    move(sale, LATER + DAY)

    moved = ConcertSchedule.objects.get(pk=sale.pk)
    assert (moved.concert_at, moved.concert_date) == (LATER + DAY, date(2031, 6, 21))
    assert (moved.first_concert_at, moved.deadline_at) == (CONCERT_AT, LATER)
    assert (moved.change_reason_ko, moved.change_reason_en) == ("출연자 건강 문제", "The singer is ill")


def test_moved_back_it_was_not_moved():
    sale = make_sale()
    move(sale)

    move(sale, CONCERT_AT)

    assert ConcertSchedule.objects.get(pk=sale.pk).first_concert_at is None


def test_a_sale_that_is_over_stays_over():
    sale = make_sale(deadline_at=NOW - DAY, reservation_available_at=NOW - 2 * DAY)

    move(sale)
    move(sale, NOW + DAY)

    assert ConcertSchedule.objects.get(pk=sale.pk).deadline_at == NOW - DAY


def test_moved_before_its_opening_a_date_opens_as_long_before():
    sale = make_sale(reservation_available_at=CONCERT_AT - 3 * DAY, deadline_at=CONCERT_AT)

    move(sale, CONCERT_AT - 10 * DAY)

    moved = ConcertSchedule.objects.get(pk=sale.pk)
    assert (moved.reservation_available_at, moved.deadline_at) == (CONCERT_AT - 13 * DAY, CONCERT_AT - 10 * DAY)


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"to": NOW}, "concert_at"),
        ({"to": CONCERT_AT}, "concert_at"),
        ({"free_days": 366}, "free_days"),
        ({"free_days": -1}, "free_days"),
        ({"reason": ChangeReason()}, "reason_ko"),
        ({"reason": ChangeReason(ko=" ")}, "reason_ko"),
        ({"reason": ChangeReason(en="x" * 501)}, "reason_en"),
        ({"reason": ChangeReason(ko="a\nb")}, "reason_ko"),
        ({"closes_at": LATER + DAY}, "deadline_at"),
    ],
)
def test_a_senseless_move_changes_nothing(change, attr):
    sale = make_sale()
    actor = make_fan()

    with pytest.raises(Invalid, check=lambda error: error.attr == attr), nothing_changed():
        move(sale, actor=actor, **change)


def test_who_saw_another_time_moves_nothing():
    sale, actor = make_sale(), make_fan()
    move(sale)

    with pytest.raises(Conflict), nothing_changed():
        move(sale, LATER + DAY, seen=CONCERT_AT, actor=actor)


def test_the_same_click_moves_once():
    sale, key, actor = make_sale(), uuid4(), make_fan()

    first, is_new = move(sale, key=key, actor=actor)
    again, is_new_again = move(sale, key=key, actor=actor, seen=CONCERT_AT)

    assert (first, is_new, is_new_again) == (again, True, False)
    assert Announcement.objects.count() == 1


def test_every_fan_with_a_ticket_is_owed_one_mail():
    sale = make_sale()
    fan, other, holder = make_payer(balance=200_000), make_payer(balance=50_000), make_fan()
    buy(fan, sale, 0)
    buy(fan, sale, 1)
    buy(other, sale, 2)
    hold(holder, sale, 3)

    moved, _is_new = move(sale)

    owed = AnnouncementRecipient.objects.filter(announcement=moved).values_list("user", flat=True)
    assert sorted(owed) == sorted([fan.pk, other.pk])
    found = date_impact(sale.pk)
    assert (found.tickets, found.fans, found.amount, found.held) == (3, 2, 150_000, 1)


def test_once_somebody_booked_no_form_moves_it():
    sale = make_sale()
    schedules.change_times(schedule_id=sale.pk, concert_at=LATER)
    hold(make_fan(), sale, 0)

    with pytest.raises(Conflict, check=lambda error: error.attr == "concert_at"), nothing_changed():
        schedules.change_times(schedule_id=sale.pk, concert_at=LATER + DAY)
    schedules.change_times(schedule_id=sale.pk, closes_at=LATER - DAY)


# --- What follows the day it is played ------------------------------------------------------------


def test_moved_to_an_earlier_day_and_over_it_is_past():
    sale, fan = make_sale(), make_payer(balance=50_000)
    reference = buy(fan, sale, 0)[0].reservation.booking_reference
    move(sale, NOW + 2 * DAY)
    after = NOW + 3 * DAY

    assert booking_summary(reference, user_id=fan.pk, now=after).is_past
    assert list(references_in(BookingTab.PAST, user_id=fan.pk, now=after)) == [reference]
    assert not references_in(BookingTab.UPCOMING, user_id=fan.pk, now=after)


def test_postponed_it_is_still_to_come():
    sale, fan = make_sale(), make_payer(balance=50_000)
    reference = buy(fan, sale, 0)[0].reservation.booking_reference
    move(sale)
    between = CONCERT_AT + 5 * DAY

    booking = booking_summary(reference, user_id=fan.pk, now=between)

    assert (booking.is_past, booking.days_left) == (False, 15)
    assert booking.first.concert_date == date(2031, 5, 31)
    assert booking.moved_from_at == CONCERT_AT
    assert booking.moved_from_day == date(2031, 5, 31)
    assert list(references_in(BookingTab.UPCOMING, user_id=fan.pk, now=between)) == [reference]


def test_free_refunds_are_for_who_had_booked_and_are_never_shortened():
    sale, early, late = make_sale(), make_payer(balance=50_000), make_payer(balance=50_000)
    before = buy(early, sale, 0)[0].reservation.booking_reference
    move(sale, NOW + 5 * DAY, now=NOW + timedelta(minutes=1), free_days=3)
    moved, _is_new = move(sale, NOW + 6 * DAY, now=NOW + timedelta(minutes=2), free_days=1)
    move(sale, NOW + 7 * DAY, now=NOW + timedelta(minutes=3))
    after = buy(late, sale, 1, now=NOW + timedelta(minutes=4))[0].reservation.booking_reference

    assert moved.free_refunds_until == date(2031, 5, 4)
    assert booking_summary(before, user_id=early.pk, now=NOW).free_until == date(2031, 5, 4)
    assert booking_summary(before, user_id=early.pk, now=NOW + 4 * DAY).free_until is None
    assert booking_summary(after, user_id=late.pk, now=NOW + timedelta(minutes=5)).free_until is None


def test_free_refunds_end_with_the_day_of_the_show():
    sale, fan = make_sale(), make_payer(balance=50_000)
    reference = buy(fan, sale, 0)[0].reservation.booking_reference

    move(sale, NOW + 5 * DAY, now=NOW + timedelta(minutes=1), free_days=30)

    assert booking_summary(reference, user_id=fan.pk, now=NOW).free_until == date(2031, 5, 6)


# --- Messages -------------------------------------------------------------------------------------

TEXTS = {"subject_ko": "안내", "subject_en": "", "body_ko": "주차장이 공사 중입니다.", "body_en": ""}


def test_a_message_is_owed_to_each_fan_once_a_click():
    sale, fan, key = make_sale(), make_payer(balance=100_000), uuid4()
    buy(fan, sale, 0)
    buy(fan, sale, 1)
    order = {"schedule_id": sale.pk, "actor_id": make_fan().pk, "key": key, "now": NOW}

    first, is_new = announcements.message_holders(**order, **TEXTS)
    again, is_new_again = announcements.message_holders(**order, **TEXTS)

    assert (first, is_new, is_new_again) == (again, True, False)
    assert [each.user_id for each in first.recipients.all()] == [fan.pk]
    assert first.body_in("en") == first.body_in("ko") == "주차장이 공사 중입니다."


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"subject_ko": ""}, "subject_ko"),
        ({"body_ko": " "}, "body_ko"),
        ({"subject_ko": "", "body_ko": ""}, "body_ko"),
        ({"subject_en": "Hello"}, "body_en"),
        ({"subject_ko": "x" * 151}, "subject_ko"),
        ({"body_ko": "x" * 5001}, "body_ko"),
    ],
)
def test_a_message_without_text_is_refused(change, attr):
    sale, actor = make_sale(), make_fan()

    with pytest.raises(Invalid, check=lambda error: error.attr == attr), nothing_changed():
        announcements.message_holders(schedule_id=sale.pk, actor_id=actor.pk, key=uuid4(), now=NOW, **TEXTS | change)


def test_where_nobody_has_a_ticket_nobody_is_written_to():
    sale, actor = make_sale(), make_fan()
    hold(make_fan(), sale, 0)

    with pytest.raises(Conflict), nothing_changed():
        announcements.message_holders(schedule_id=sale.pk, actor_id=actor.pk, key=uuid4(), now=NOW, **TEXTS)

"""Refunds by the fans of a date that was moved or canceled: by the day it is played, whatever was booked."""

from datetime import date, timedelta

import pytest

from concert_site.tests.unchanged import nothing_changed
from payments.domain import refunds
from payments.domain.errors import FeeChanged
from payments.models import Payment
from payments.tests.scenes import buy, make_fan
from reservations.api.serializers import reservation_out
from reservations.domain.errors import RefundClosed
from reservations.models import ConcertSchedule
from reservations.queries import bookings
from reservations.tests.scenes import CONCERT_AT, NOW, make_sale
from reservations.tests.test_date_changes import LATER, move

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def bought():
    """A sale, its fan, and the reservation that is paid."""
    sale, fan = make_sale(), make_fan(balance=50_000)
    return sale, fan, buy(fan, sale, 0)[0].reservation_id


def cancel(fan, reservation, at, agreed=None):
    return refunds.cancel(user_id=fan.pk, reservation_id=reservation, now=at, agreed=agreed)


def test_moved_to_an_earlier_day_nothing_is_refunded_once_it_has_begun():
    sale, fan, paid = bought()
    move(sale, NOW + 2 * DAY)

    with pytest.raises(RefundClosed), nothing_changed():
        cancel(fan, paid, NOW + 2 * DAY)


def test_moved_to_an_earlier_day_the_fee_is_that_of_the_new_one():
    sale, fan, paid = bought()
    move(sale, NOW + 2 * DAY)

    assert cancel(fan, paid, NOW).fee == 15_000


def test_postponed_the_fee_counts_to_the_new_day():
    sale, fan, paid = bought()
    move(sale)

    assert cancel(fan, paid, CONCERT_AT).fee == 0


def test_free_refunds_are_quoted_and_taken():
    sale, fan, paid = bought()
    move(sale, NOW + 5 * DAY, now=NOW + timedelta(minutes=1), free_days=3)

    shown = reservation_out(bookings.own(paid, user_id=fan.pk, now=NOW + timedelta(minutes=2)))
    done = cancel(fan, paid, NOW + 3 * DAY, agreed=0)

    assert shown["cancellation"]["fee"] == 0
    assert shown["cancellation"]["tiers"][0] == {"until": date(2031, 5, 4), "fee_percent": 0, "refund": 50_000}
    assert (shown["concert_date"], shown["moved_from"]) == (date(2031, 5, 31), date(2031, 5, 31))
    assert shown["concert_at"] == NOW + 5 * DAY
    assert (done.fee, done.refund) == (0, 50_000)


def test_a_fee_that_was_agreed_to_before_the_move_is_asked_again():
    sale, fan, paid = bought()
    move(sale, NOW + 2 * DAY)

    with pytest.raises(FeeChanged), nothing_changed():
        cancel(fan, paid, NOW, agreed=0)


def test_a_quote_of_before_the_move_takes_no_fee(monkeypatch):
    sale, fan, paid = bought()
    quoted = refunds.fee_of_today

    def move_meanwhile(*args, **kept):
        fee = quoted(*args, **kept)
        if ConcertSchedule.objects.get(pk=sale.pk).first_concert_at is None:
            move(sale, NOW + 2 * DAY)
        return fee

    monkeypatch.setattr(refunds, "fee_of_today", move_meanwhile)

    assert cancel(fan, paid, NOW).fee == 15_000


def test_of_a_canceled_date_the_fan_gets_all_back_even_after_the_day():
    sale, fan, paid = bought()
    ConcertSchedule.objects.filter(pk=sale.pk).update(canceled_at=NOW, change_reason_ko="취소")

    done = cancel(fan, paid, LATER)

    assert (done.fee, done.refund, Payment.objects.get().refund_fee) == (0, 50_000, 0)

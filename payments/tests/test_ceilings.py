"""What waits for a second person at the counter and the help desk: gifts, exchanges, hand-overs, sales undone."""

import pytest
from django.urls import reverse

from concert_site.accounts.tests.factories import make_staff
from concert_site.approvals import deciding
from concert_site.approvals.errors import ApprovalRequired
from concert_site.approvals.models import Approval, Ceiling
from concert_site.approvals.steps import step_of
from concert_site.approvals.tests.test_deciding import make_colleague
from concert_site.tests.audited import broken_invariants
from payments.domain import card_refunds, counter, counter_refunds, rebooking, schedule_refunds
from payments.domain.counter_orders import Buyer
from payments.models import Payment, TillEntry
from payments.tests.scenes import buy, make_fan
from payments.tests.test_counter import FREE, order_of
from reservations.models import ConcertSeat
from reservations.tests.scenes import NOW, make_sale, statuses
from wallet.domain.adjustments import adjust_by_staff
from wallet.tests.factories import balance_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _low_ceilings():
    Ceiling.objects.update(amount=60_000)


def waits(step, *args, **kept):
    """What a step of staff leaves waiting."""
    with pytest.raises(ApprovalRequired) as refused:
        step(*args, **kept)
    return Approval.objects.get(pk=refused.value.approval_id)


def adjust(fan, clerk, amount, key):
    adjust_by_staff(user_id=fan.pk, amount=amount, note="Cash", actor_id=clerk.pk, idempotency_key=key)


def told(asked):
    """What the page that asks a second person says of it, by its first word."""
    return {str(name): str(text) for name, text in step_of(asked.kind).describe(asked)}


def confirm(asked):
    """Have a second person confirm it; sent twice, as after a death, it is done once."""
    done = deciding.confirm(approval_id=asked.pk, actor_id=make_staff().pk)
    Approval.objects.filter(pk=asked.pk).update(done_at=None)
    deciding.try_again(approval_id=asked.pk, actor_id=make_staff().pk)
    assert broken_invariants() == {}
    return done


def test_gifts_of_a_date_count_together_and_are_made_once_confirmed():
    manager, sale = make_colleague("event manager"), make_sale()
    counter.sell(order_of(manager, sale, 0, tender=FREE), now=None)

    asked = waits(counter.sell, order_of(manager, sale, 1, tender=FREE, key="second"))

    assert (asked.amount, statuses(sale)) == (50_000, "RAAAAA")
    assert (told(asked)["Seats"], sale.schedule.concert.name in told(asked)["Date"]) == ("A, row 1, seat A-1-2", True)
    confirm(asked)
    assert statuses(sale) == "RRAAAA"
    gift = TillEntry.objects.order_by("pk").last()
    assert (gift.method, gift.actor, gift.note) == ("COMPLIMENTARY", manager, "Press")


def test_a_sale_above_the_ceiling_is_undone_by_two():
    clerk, sale = make_colleague("box office"), make_sale()
    done = counter.sell(order_of(clerk, sale, 0, 1))

    asked = waits(counter_refunds.undo, sale=done.sale, actor_id=clerk.pk, note="Wrong day", may_refund=True)

    assert (asked.amount, statuses(sale)) == (100_000, "RRAAAA")
    assert [seat.split(" · ")[1] for seat in told(asked)["Seats"].splitlines()] == ["A 1 A-1-1", "A 1 A-1-2"]
    confirm(asked)
    assert statuses(sale) == "AAAAAA"
    assert list(TillEntry.objects.filter(kind="REFUND").values_list("amount", flat=True)) == [-100_000]


def test_what_a_clerk_took_for_a_fans_seats_does_not_count_as_adjusting_their_wallet():
    clerk, sale, fan = make_colleague("box office"), make_sale(), make_fan()
    counter.sell(order_of(clerk, sale, 0, buyer=Buyer(user_id=fan.pk)))

    adjust(fan, clerk, 20_000, "a")

    assert balance_of(fan) == 20_000


def test_what_a_clerk_handed_out_for_seats_hides_nothing_of_what_they_adjust():
    clerk, sale, fan = make_colleague("box office"), make_sale(), make_fan()
    done = counter.sell(order_of(make_staff(), sale, 0, buyer=Buyer(user_id=fan.pk)))
    adjust(fan, clerk, 50_000, "a")
    counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Wrong day", may_refund=True)

    waits(adjust, fan, clerk, 50_000, "b")

    assert balance_of(fan) == 50_000


def test_an_exchange_whose_difference_is_above_the_ceiling_waits():
    fan, clerk, dear = make_fan(balance=200_000), make_colleague("box office"), make_sale(price=200_000)
    (payment,) = buy(fan, dear, 0)
    seat = dear.seats[1]
    ConcertSeat.objects.filter(pk=seat).update(seat_price=100_000)

    asked = waits(rebooking.exchange, seats={payment.reservation_id: seat}, actor_id=clerk.pk, note="Cheaper")

    assert (asked.amount, balance_of(fan)) == (100_000, 0)
    assert told(asked)["Seats"].endswith(f" · A 1 A-1-1 · {fan.email}")
    assert told(asked)["Exchange"] == "A, row 1, seat A-1-2: −₩100,000"
    confirm(asked)
    assert (statuses(dear), balance_of(fan)) == ("ARAAAA", 100_000)


def test_what_is_handed_over_above_the_ceiling_waits():
    fan, friend, clerk, sale = make_fan(balance=100_000), make_fan(), make_colleague("box office"), make_sale()
    first, second = buy(fan, sale, 0, 1)
    order = {"receiver_id": friend.pk, "actor_id": clerk.pk, "note": "A present"}
    rebooking.hand_over(reservation_ids=[first.reservation_id], **order)

    asked = waits(rebooking.hand_over, reservation_ids=[second.reservation_id], **order)

    assert told(asked)["Seats"].endswith(f" · A 1 A-1-2 · {fan.email}")
    assert told(asked)["To the account"] == friend.email
    confirm(asked)
    assert Payment.objects.filter(user=friend, state="COMPLETED").count() == 2


def test_the_refund_of_a_date_above_the_ceiling_begins_once_confirmed():
    fan, clerk, sale = make_fan(balance=100_000), make_colleague("finance"), make_sale()
    buy(fan, sale, 0, 1)
    order = {"schedule_id": sale.pk, "note": "Off", "fee": 1_000, "seconds": 9}

    asked = waits(schedule_refunds.refund_round, actor_id=clerk.pk, **order)

    assert (told(asked)["Paid seats"], told(asked)["Fee of each seat"]) == ("2", "₩1,000")
    assert (told(asked)["Refund to"], sale.schedule.concert.name in told(asked)["Date"]) == ("to the wallet", True)
    confirm(asked)
    schedule_refunds.refund_round(actor_id=clerk.pk, **order)
    assert (statuses(sale), balance_of(fan)) == ("AAAAAA", 98_000)


def test_refunds_of_one_fan_count_together():
    fan, clerk, sale = make_fan(balance=100_000), make_colleague("box office"), make_sale()
    first, second = buy(fan, sale, 0, 1)
    card_refunds.refund_by_staff(reservation_id=first.reservation_id, actor_id=clerk.pk, note="Ill", now=NOW)

    order = {"reservation_id": second.reservation_id, "actor_id": clerk.pk, "note": "Ill", "now": NOW}
    asked = waits(card_refunds.refund_by_staff, **order)

    assert (asked.amount, statuses(sale)) == (50_000, "ARAAAA")


def test_a_page_above_the_ceiling_leads_to_what_waits(client):
    fan, friend, sale = make_fan(balance=100_000), make_fan(), make_sale()
    first, _second = buy(fan, sale, 0, 1)
    client.force_login(make_colleague("event manager"))
    page = reverse("admin:booking_hand_over", args=[first.reservation.booking_reference])

    answer = client.post(
        page,
        {"key": "8c0f6f6e-3b5c-4f6e-9d57-0d4b8a6f1f11", "note": "Ill", "receiver": friend.email, "sure": friend.pk},
    )

    assert answer.url == reverse("admin:approvals_approval_change", args=[Approval.objects.get().pk])

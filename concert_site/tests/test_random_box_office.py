"""What fans and staff do with the seats of a concert, in an order that nobody thought of: no rule is broken."""

import random
from datetime import timedelta
from uuid import uuid4

import pytest

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import DomainError
from concert_site.tests.audited import broken_invariants
from payments.domain import card_refunds, counter, counter_refunds, date_cancellation, rebooking, refund_work, refunds
from payments.domain.counter_orders import Buyer, PaymentOrder, SaleOrder, Tender
from payments.domain.date_cancellation import DateCancellation
from payments.models import RefundTo, TillEntry
from payments.tests.scenes import make_fan, pay
from queueing.models import WaitingToken
from reservations.domain import date_changes, holds, named_holds, seats
from reservations.domain.date_changes import ChangeReason, Move
from reservations.domain.named_holds import NamedHoldOrder
from reservations.models import ConcertSchedule, ConcertSeat, NamedHold, Reservation
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import ACTIVE, CONCERT_AT, NOW, Sale, hold, in_order, make_sale
from wallet.domain import adjustments

pytestmark = pytest.mark.django_db(transaction=True)
SEATS = 16
WHY = ChangeReason(ko="출연자 건강 문제", en="The singer is ill")


class House:
    """A concert of three dates, eight fans, two clerks, and a clock; each step is one of a kind."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.now = NOW
        self.fans = [make_fan(balance=600_000) for _each in range(8)]
        self.clerks = [make_staff(), make_staff()]
        first = make_sale(seats=SEATS)
        self.sales = [first, *(self.another(first, day) for day in (1, 2))]
        self.done = {}

    def another(self, first, day):
        schedule = make_schedule(concert=first.schedule.concert, concert_at=CONCERT_AT + timedelta(days=day))
        return Sale(schedule, [seat.pk for seat in make_seats(schedule, SEATS, 30_000 + 10_000 * day)])

    def step(self):
        """Do something; what is refused is refused."""
        kind = self.dice.choice(STEPS)
        self.now += timedelta(seconds=self.dice.choice([1, 5, 20, 90]))
        try:
            kind(self)
        except (DomainError, IndexError):
            return
        self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1

    # --- What there is to choose from ---

    @property
    def clerk(self):
        return self.dice.choice(self.clerks).pk

    def some(self, of, most=3):
        return self.dice.sample(of, self.dice.randint(1, most))

    def any_of(self, rows):
        return self.dice.choice(list(rows.order_by("pk")))

    def paid(self):
        return self.any_of(Reservation.objects.filter(status="RESERVED"))

    def held(self):
        return self.any_of(Reservation.objects.filter(status="RESERVING"))

    # --- Fans ---

    def hold(self):
        """Hold seats; the fan's place inside has just begun."""
        fan, sale = self.dice.choice(self.fans), self.dice.choice(self.sales)
        WaitingToken.objects.of(user_id=fan.pk).live().update(expired_at=self.now + ACTIVE)
        return fan, in_order(hold(fan, sale, *self.some(range(SEATS), 2), now=self.now))

    def holds(self):
        self.hold()

    def pays(self):
        held = self.held()
        pay(held.user, held.pk, now=self.now)

    def buys(self):
        fan, held = self.hold()
        pay(fan, *held, now=self.now)

    def cancels(self):
        booked = self.any_of(Reservation.objects.exclude(status="CANCELED"))
        refunds.cancel(user_id=booked.user_id, reservation_id=booked.pk, now=self.now)

    def extends(self):
        held = self.held()
        holds.extend_hold(user_id=held.user_id, reservation_id=held.pk, now=self.now)

    # --- The counter ---

    def sells(self):
        sale = self.dice.choice(self.sales)
        chosen = [sale.seats[nth] for nth in self.some(range(SEATS), 6)]
        tender = Tender(self.dice.choice(["CASH", "TERMINAL", "COMPLIMENTARY"]))
        prices = ConcertSeat.objects.filter(pk__in=chosen).values_list("seat_price", flat=True)
        is_free = tender.method == "COMPLIMENTARY"
        counter.sell(
            SaleOrder(
                schedule_id=sale.pk,
                seat_ids=chosen,
                buyer=Buyer(self.dice.choice([None, self.dice.choice(self.fans).pk])),
                tender=tender,
                agreed=0 if is_free else sum(prices),
                actor_id=self.clerk,
                idempotency_key=str(uuid4()),
                note="Press" if is_free else "",
                from_named_holds=self.dice.random() < 0.5,
            ),
            now=self.now,
        )

    def takes_payment(self):
        held = list(Reservation.objects.filter(booking_reference=self.held().booking_reference, status="RESERVING"))
        total = sum(each.price for each in held)
        order = PaymentOrder(held[0].booking_reference, Tender("CASH"), total, self.clerk, str(uuid4()))
        counter.take_payment(order, now=self.now)

    def undoes(self):
        sale = self.any_of(TillEntry.objects.filter(kind="SALE")).sale
        counter_refunds.undo(sale=sale, actor_id=self.clerk, note="Wrong", may_refund=True, now=self.now)

    # --- The desk ---

    def exchanges(self):
        booked = self.paid()
        many = list(Reservation.objects.filter(user=booked.user, status="RESERVED", concert=booked.concert)[:2])
        free = self.dice.choice(self.sales).seats
        chosen = dict(zip([each.pk for each in many], self.dice.sample(free, len(many)), strict=True))
        rebooking.exchange(seats=chosen, actor_id=self.clerk, note="Pillar", now=self.now)

    def hands_over(self):
        receiver = self.dice.choice(self.fans).pk
        rebooking.hand_over(
            reservation_ids=[self.paid().pk], receiver_id=receiver, actor_id=self.clerk, note="Gift", now=self.now
        )

    def refunds(self):
        booked = self.paid()
        fee = self.dice.choice([0, 0, 1_000])
        card_refunds.refund_by_staff(reservation_id=booked.pk, actor_id=self.clerk, note="Ill", fee=fee, now=self.now)

    def adjusts(self):
        fan, amount = self.dice.choice(self.fans).pk, self.dice.choice([100_000, -20_000])
        order = {"note": "Cash", "actor_id": self.clerk, "idempotency_key": str(uuid4()), "now": self.now}
        adjustments.adjust_by_staff(user_id=fan, amount=amount, **order)

    # --- The hall, and its dates ---

    def keeps(self):
        sale = self.dice.choice(self.sales)
        ends_at = self.now + timedelta(minutes=self.dice.randint(1, 20))
        order = NamedHoldOrder(name="Press", owner="Kim", reason="Reviews", ends_at=ends_at)
        named_holds.create(
            schedule_id=sale.pk,
            seat_ids=[sale.seats[nth] for nth in self.some(range(SEATS))],
            order=order,
            actor_id=self.clerk,
            now=self.now,
        )

    def lets_go(self):
        named_holds.release(named_hold_id=self.any_of(NamedHold.objects.all()).pk, now=self.now)

    def switches(self):
        sale = self.dice.choice(self.sales)
        chosen = [sale.seats[nth] for nth in self.some(range(SEATS))]
        if self.dice.random() < 0.4:
            seats.take_off_sale(seat_ids=chosen, now=self.now)
        else:
            seats.put_on_sale(seat_ids=chosen)

    def ticks(self):
        holds.release_lapsed(now=self.now)
        named_holds.release_ended(now=self.now)

    def moves(self):
        schedule = ConcertSchedule.objects.get(pk=self.dice.choice(self.sales).pk)
        later = schedule.concert_at + timedelta(days=self.dice.choice([-3, 2, 9]))
        order = Move(concert_at=later, seen=schedule.concert_at, reason=WHY)
        date_changes.move_date(schedule_id=schedule.pk, move=order, actor_id=self.clerk, key=uuid4(), now=self.now)

    def cancels_a_date(self):
        if self.done.get("cancels_a_date", 0) or sum(self.done.values()) < 100:
            raise IndexError
        run = date_cancellation.cancel_date(
            DateCancellation(self.sales[0].pk, WHY, RefundTo.WALLET), actor_id=self.clerk, now=self.now
        )
        assert refund_work.process_run(run.pk, now=self.now) in {"over", "refused"}


STEPS = [
    House.holds,
    House.holds,
    House.holds,
    House.pays,
    House.pays,
    House.buys,
    House.buys,
    House.cancels,
    House.extends,
    House.sells,
    House.sells,
    House.takes_payment,
    House.undoes,
    House.exchanges,
    House.exchanges,
    House.hands_over,
    House.refunds,
    House.adjusts,
    House.keeps,
    House.lets_go,
    House.switches,
    House.ticks,
    House.moves,
    House.cancels_a_date,
]


def test_whatever_fans_and_staff_do_keeps_every_rule():
    house, kinds = House(seed=13), {step.__name__ for step in STEPS}

    for nth in range(600):
        house.step()
        if nth % 50 == 49:
            assert broken_invariants() == {}, nth
        if nth >= 249 and set(house.done) == kinds:
            break

    assert set(house.done) == kinds

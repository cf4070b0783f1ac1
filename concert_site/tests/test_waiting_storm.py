"""A sale in full swing: joins, entries, holds, payments, leaves and admissions at once, and then the audit."""

import random
import time
from collections import Counter
from functools import partial

import pytest
from django.db import connection, transaction

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib.errors import DomainError
from concert_site.tests.audited import broken_invariants
from payments.domain import checkout
from queueing.domain import admission, line
from queueing.models import WaitingToken
from queueing.tests.factories import make_fans
from queueing.tests.watching import watched
from reservations.domain import holds, waiting_room
from reservations.models import Reservation
from reservations.tests.factories import make_schedule, make_seats
from wallet.tests.factories import make_charge

pytestmark = pytest.mark.django_db(transaction=True)

STORM_SECONDS = 2.5
CAP = 5
CHANGE = "update concert_schedule set queue_max_active = %s, limits_changed_at = clock_timestamp() where id = %s"


class Storm:
    """A sale, and what fans and workers do in it, each for one fan by chance."""

    def __init__(self):
        self.schedule = make_schedule(queue_max_active=CAP, tickets_per_fan=2)
        self.seats = [seat.pk for seat in make_seats(self.schedule, 300)]
        fans = make_fans(60)
        for fan in fans:
            make_charge(fan, amount=1_000_000)
        self.fans = [fan.pk for fan in fans]
        self.done = Counter()

    def token(self, *statuses):
        return WaitingToken.objects.filter(status__in=statuses).order_by("?").first()

    def join(self):
        waiting_room.join(user_id=random.choice(self.fans), schedule_id=self.schedule.pk)

    def enter(self):
        if token := self.token("ACTIVE"):
            line.enter(user_id=token.user_id, token=token.token)

    def leave(self):
        if token := self.token("ACTIVE", "WAITING"):
            line.leave(user_id=token.user_id, token=token.token)

    def hold(self):
        if active := self.token("ACTIVE"):
            holds.hold_seats(
                user_id=active.user_id,
                schedule=self.schedule.pk,
                seats=random.sample(self.seats, 2),
                queue_token=active.token,
            )

    def pay(self):
        if held := Reservation.objects.filter(status="RESERVING").order_by("?").first():
            checkout.pay(user_id=held.user_id, reservation_ids=[held.pk])

    def tick(self):
        waiting_room.tick(self.schedule.pk)

    def lapse(self):
        """Time passes for somebody inside."""
        if token := self.token("ACTIVE"):
            WaitingToken.objects.filter(pk=token.pk, status="ACTIVE").update(expired_at=token.created_at)

    def run(self, seconds):
        """Do one thing after the other; what the rules refuse is part of it."""
        steps = [self.join] * 6 + [
            self.enter,
            self.leave,
            self.hold,
            self.hold,
            self.pay,
            self.pay,
            self.tick,
            self.lapse,
        ]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            step = random.choice(steps)
            try:
                step()
                self.done[step.__name__] += 1
            except DomainError as refusal:
                self.done[refusal.code] += 1


def test_a_storm_keeps_the_cap_the_order_and_every_other_invariant():
    storm = Storm()

    with watched(storm.schedule) as sampled:
        answers = at_once([partial(storm.run, STORM_SECONDS)] * 8)

    assert answers == [None] * 8
    assert 0 < max(sampled) <= CAP
    assert {"join", "enter", "leave", "hold", "pay", "tick"} <= set(storm.done)
    assert broken_invariants() == {}


def test_a_cap_that_staff_lower_and_raise_in_a_storm_is_kept():
    storm = Storm()

    def turn(caps):
        for cap in caps:
            time.sleep(STORM_SECONDS / 2 / len(caps))
            with transaction.atomic():
                admission.lock_waiting_room(storm.schedule.pk)
                with connection.cursor() as cursor:
                    cursor.execute(CHANGE, [cap, storm.schedule.pk])
                assert 8 not in broken_invariants()

    answers = at_once([partial(turn, [2, 7, 1, 4, 3]), *[partial(storm.run, STORM_SECONDS / 2)] * 5])

    assert answers == [None] * 6
    assert broken_invariants() == {}

"""A sale in full swing, through the domain and on real connections, and the audit running beside it."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import InternalError, connection, connections, transaction

from concert_site.accounts.models import User
from concert_site.lib.cache import clear_caches
from concert_site.lib.errors import DomainError
from concert_site.operations import audit
from payments.domain import checkout, refunds
from queueing.domain import line
from queueing.models import WaitingToken
from reservations.domain import holds, waiting_room
from reservations.domain.concerts import create_concert
from reservations.domain.schedules import ScheduleTimes, database_now
from reservations.halls.hall import plain_hall
from reservations.models import Reservation
from wallet.domain import top_ups

SECONDS = 2
THREADS = 4
A_DAY = timedelta(days=1)


class Storm:
    """Fans who do everything that fans do, in any order, twice at a time."""

    def __init__(self):
        now = database_now()
        self.show = create_concert(
            name="Storm",
            hall=plain_hall(12, 10_000),
            times=ScheduleTimes(opens_at=now - A_DAY, closes_at=now + A_DAY, concert_at=now + 30 * A_DAY),
            queue_max_active=4,
            tickets_per_fan=3,
        )
        self.fans = [User.objects.create_user(f"fan{nth}@example.com").pk for nth in range(8)]
        for fan in self.fans:
            top_ups.charge(user_id=fan, amount=60_000, idempotency_key="first")
        self.done = Counter()

    def rush(self, seed):
        """One thread's share: random steps until the time is over."""
        choose = random.Random(seed)
        until = time.monotonic() + SECONDS
        steps = [self.join, self.hold, self.hold, self.extend, self.pay, self.pay, self.cancel, self.leave, self.tidy]
        while time.monotonic() < until:
            step = choose.choice(steps)
            try:
                step(choose.choice(self.fans), choose)
                self.done[step.__name__] += 1
            except DomainError as refusal:
                self.done[refusal.code] += 1
        connections.close_all()

    def own(self, fan, choose, *statuses):
        """Some of a fan's reservations, as the fan may have seen them a moment ago."""
        found = Reservation.objects.of(user_id=fan).filter(status__in=statuses).values_list("pk", flat=True)
        return choose.sample(list(found), k=min(len(found), choose.choice([1, 2])))

    def join(self, fan, choose):
        waiting_room.join(user_id=fan, schedule_id=self.show.schedule_id)

    def hold(self, fan, choose):
        token = WaitingToken.objects.of(user_id=fan).live().values_list("token", flat=True).first()
        seats = choose.sample(self.show.seat_ids, k=choose.choice([1, 2, 3]))
        holds.hold_seats(user_id=fan, schedule=self.show.schedule_id, seats=seats, queue_token=token)

    def extend(self, fan, choose):
        for reservation in self.own(fan, choose, "RESERVING"):
            holds.extend_hold(user_id=fan, reservation_id=reservation)

    def pay(self, fan, choose):
        if owed := self.own(fan, choose, "RESERVING"):
            checkout.pay(user_id=fan, reservation_ids=owed)

    def cancel(self, fan, choose):
        for reservation in self.own(fan, choose, "RESERVING", "RESERVED"):
            refunds.cancel(user_id=fan, reservation_id=reservation)

    def leave(self, fan, choose):
        if choose.random() < 0.2 and (token := WaitingToken.objects.of(user_id=fan).live().first()):
            line.leave(user_id=fan, token=token.token)

    def tidy(self, fan, choose):
        holds.release_lapsed()
        waiting_room.tick(self.show.schedule_id)


@pytest.mark.django_db(transaction=True)
def test_a_sale_in_full_swing_passes_the_audit_at_every_moment(settings):
    # Holds lapse while the storm lasts, so that they are taken over, tidied and extended too late.
    settings.HOLD_SECONDS = 1
    clear_caches()
    storm = Storm()

    with ThreadPoolExecutor(THREADS) as pool:
        rushes = [pool.submit(partial(storm.rush, seed)) for seed in range(THREADS)]
        breaches = []
        while not all(rush.done() for rush in rushes):
            breaches += [str(finding) for finding in audit.run() if not finding.is_ok]
        for rush in rushes:
            rush.result()

    assert breaches == []
    assert [str(finding) for finding in audit.run() if not finding.is_ok] == []
    # The storm was one: everything happened, and was refused.
    assert {"join", "hold", "extend", "pay", "cancel", "tidy", "seat_unavailable"} <= set(storm.done)


@pytest.mark.django_db(transaction=True)
def test_every_check_sees_the_same_moment():
    """A sale that goes on between two checks is not seen by the second one; without the snapshot it is."""

    def counts(before):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(before)
            cursor.execute("SELECT count(*) FROM users")
            first = cursor.fetchone()
            with other.cursor() as elsewhere:
                elsewhere.execute("DELETE FROM users WHERE id = (SELECT min(id) FROM users)")
            cursor.execute("SELECT count(*) FROM users")
            return first == cursor.fetchone()

    User.objects.bulk_create(User(email=f"fan{nth}@example.com") for nth in range(2))
    other = connection.copy()

    assert counts(audit.ONE_SNAPSHOT)
    assert not counts("SELECT 1")
    other.close()


@pytest.mark.django_db(transaction=True)
def test_the_audit_can_not_write():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(audit.ONE_SNAPSHOT)
        with pytest.raises(InternalError, match="read-only"):
            cursor.execute("DELETE FROM concert")
        transaction.set_rollback(True)

"""A small house with one of everything, made through the ORM: what the audit and the constraints are tried on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection

from concert_site.accounts.models import AccessRevocation, AccountSession, KnownNetwork, SpentProof, User
from concert_site.approvals.models import Approval, Ceiling
from concert_site.house.models import HouseFacts, HousePage
from concert_site.trace.models import Change
from payments.models import Payment, Rebooking, RefundRun, TillEntry
from queueing.models import WaitingToken
from reservations.domain.schedules import ScheduleTimes, create_schedule
from reservations.halls.hall import plain_hall
from reservations.models import (
    Announcement,
    AnnouncementRecipient,
    Concert,
    ConcertSeat,
    HallVersion,
    NamedHold,
    NamedHoldSeat,
    Reservation,
    StaffNote,
    Venue,
    VenueHall,
)
from wallet.models import Balance, BalanceHistory, ProviderEvent, SandboxPayment, SettlementDay, TopUp, Withdrawal

NOW = datetime(2027, 3, 1, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Site:
    """Four seats: one held, one paid, one refunded, one free; two wallets; a line of five."""

    def __init__(self):
        fan, other = (User.objects.create_user(f"{name}@example.com") for name in ("fan", "other"))
        AccountSession.objects.create(session_key="first", session_data="", expire_date=NOW, user_id=fan.pk)
        revoked = AccessRevocation.objects.create(user_id=fan.pk)
        venue = Venue.objects.create(name="A hall")
        concert = Concert.objects.create(name="A concert", venue=venue)
        times = ScheduleTimes(opens_at=NOW - 60 * MINUTE, closes_at=NOW + 60 * MINUTE, concert_at=NOW + 90 * MINUTE)
        schedule, seats = create_schedule(
            concert=concert,
            hall=plain_hall(4, 50_000),
            times=times,
            queue_max_active=2,
            tickets_per_fan=2,
            limits_changed_at=NOW - 60 * MINUTE,
        )
        self.ids = {"fan": fan.pk, "other": other.pk, "concert": concert.pk, "schedule": schedule.pk}
        self.ids["venue"] = venue.pk
        library = VenueHall.objects.create(venue=venue, name="Great hall")
        plan = HallVersion.objects.create(hall=library, version=1, layout={}, seats=[], categories=[], seat_count=5)
        self.ids |= {"hall": library.pk, "plan": plan.pk}
        self.ids["facts"] = HouseFacts.objects.create(language="ko", name="A house").pk
        self.ids["page"] = HousePage.objects.create(kind="HELP", language="ko", title="Help", body="Ask us.").pk
        self.ids["revocation"] = revoked.pk
        self.ids |= {f"seat{nth}": seat.pk for nth, seat in enumerate(seats, start=1)}
        held, paid, refunded = (
            self.reserve(schedule, seat, fan, status)
            for seat, status in zip(seats[:3], ("RESERVING", "RESERVED", "CANCELED"), strict=True)
        )
        self.ids |= {"held": held.pk, "paid": paid.pk, "refunded": refunded.pk}
        take(seats[0], user_id=fan.pk, expired_at=held.expired_at)
        take(seats[1], user_id=fan.pk, expired_at=NOW)
        seats[1].status, seats[1].expired_at, seats[1].reserved_at = "RESERVED", None, NOW
        seats[1].save()
        self.take_at_counter(schedule, fan, other)
        self.book(fan, paid, refunded)
        self.keep(schedule, seats[3], other)
        self.join(schedule)
        known = KnownNetwork.objects.create(account="a" * 32, network="b" * 32, last_login_at=NOW)
        spent = SpentProof.objects.create(nonce="c" * 32, expired_at=NOW)
        self.ids |= {"known": known.pk, "spentproof": spent.pk}
        self.tell(schedule, fan)

    def tell(self, schedule, fan):
        """What ticket holders were told."""
        message = {"kind": "MESSAGE", "body_ko": "안내", "actor": fan, "created_at": NOW}
        told = Announcement.objects.create(concert_schedule=schedule, **message)
        first = AnnouncementRecipient.objects.create(announcement=told, user=fan, mailed_at=NOW)
        self.ids |= {"told": told.pk, "recipient": first.pk}

    def reserve(self, schedule, seat, fan, status):
        return Reservation.objects.create(
            booking_reference="B",
            concert_id=schedule.concert_id,
            concert_schedule=schedule,
            concert_seat=seat,
            user=fan,
            concert_name="A concert",
            concert_date=schedule.concert_date,
            price=50_000,
            status=status,
            expired_at=NOW + 5 * MINUTE if status == "RESERVING" else None,
            idempotency_key=f"key {status}",
            request_hash="0" * 64,
            created_at=NOW,
            updated_state_at=NOW,
        )

    def book(self, fan, paid, refunded):
        """120,000 topped up, 50,000 paid twice, 45,000 of it refunded."""
        balance = Balance.objects.create(user=fan, amount=65_000, last_updated_at=NOW)
        made = {"created_at": NOW, "updated_state_at": NOW, "user": fan, "price": 50_000}
        first = Payment.objects.create(reservation=paid, state="COMPLETED", **made)
        second = Payment.objects.create(reservation=refunded, state="CANCELED", refund_fee=5_000, **made)
        self.ids |= {"balance": balance.pk, "payment": first.pk, "canceled": second.pk}
        left = 0
        for name, kind, amount, payment in [
            ("charge", "CHARGE", 120_000, None),
            ("spent", "PAYMENT", -50_000, first),
            ("wasted", "PAYMENT", -50_000, second),
            ("refund", "REFUND", 45_000, second),
        ]:
            left += amount
            row = BalanceHistory.objects.create(
                balance=balance,
                user=fan,
                kind=kind,
                amount=amount,
                amount_after=left,
                payment=payment,
                idempotency_key="key" if kind == "CHARGE" else None,
                request_hash="0" * 64 if kind == "CHARGE" else None,
                created_at=NOW,
                updated_at=NOW,
            )
            self.ids[name] = row.pk
        self.ids["topup"] = TopUp.objects.create(
            user=fan,
            amount=120_000,
            currency="KRW",
            provider="sandbox",
            reference="r" * 32,
            provider_reference="sandbox_1",
            state="SUCCEEDED",
            entry_id=self.ids["charge"],
            idempotency_key="key",
            request_hash="0" * 64,
            created_at=NOW,
            expires_at=NOW,
            updated_state_at=NOW,
        ).pk

        event = ProviderEvent.objects.create(
            provider="sandbox", event_id="1", kind="paid", body=b"{}", received_at=NOW, next_attempt_at=NOW
        )
        booked = SandboxPayment.objects.create(
            reference="r" * 32, amount=120_000, currency="KRW", succeeds_at=NOW, created_at=NOW
        )
        settled = SettlementDay.objects.create(
            provider="sandbox",
            day=NOW.date(),
            provider_sum=120_000,
            ledger_sum=120_000,
            provider_lines=1,
            ledger_lines=1,
            checked_at=NOW,
        )
        run = RefundRun.objects.create(
            concert_schedule_id=self.ids["schedule"], actor=fan, fee=0, refund_to="wallet", note="Ill"
        )
        self.ids["refundrun"] = run.pk
        self.ids["note"] = StaffNote.objects.create(
            user=fan, text="Calls back", actor_id=self.ids["other"], key=uuid4()
        ).pk
        asked = Approval.objects.create(
            kind="wallet.adjust",
            subject="1",
            payload={"user": self.ids["other"], "amount": 5_000},
            amount=5_000,
            asked_by_id=self.ids["other"],
            asked_at=NOW,
            reason="why",
            expires_at=NOW + MINUTE,
        )
        noted = Change.objects.create(action="CHANGE", table_name="users", objects_changed=[fan.pk], changes={})
        self.ids |= {"noted": noted.pk}
        self.ids |= {"asked": asked.pk, "ceiling": Ceiling.objects.earliest("pk").pk}
        self.ids |= {"event": event.pk, "sandboxed": booked.pk, "settlement": settled.pk}

    def take_at_counter(self, schedule, fan, clerk):
        """1,000 that a fan's friend paid in cash and hasn't spent; and their own wallet, which the clerk has, too."""
        balance = Balance.objects.create(user=clerk, amount=1_000, last_updated_at=NOW)
        taken = BalanceHistory.objects.create(
            balance=balance,
            user=clerk,
            kind="ADJUSTMENT",
            amount=1_000,
            amount_after=1_000,
            note="Cash",
            actor=fan,
            created_at=NOW,
            updated_at=NOW,
        )
        entry = TillEntry.objects.create(
            sale=UUID(int=1),
            kind="SALE",
            method="CASH",
            amount=1_000,
            user=clerk,
            concert_schedule=schedule,
            booking_reference="B",
            entry=taken,
            actor=fan,
            seats=1,
            idempotency_key="key",
            request_hash="0" * 64,
            created_at=NOW,
        )
        self.ids |= {"till": entry.pk, "taken": taken.pk}

    def keep(self, schedule, seat, clerk):
        """A named hold that has let its one seat go."""
        kept = NamedHold.objects.create(
            concert_schedule=schedule, name="Press", owner="Kim", reason="Reviews", created_by=clerk, created_at=NOW
        )
        left = NamedHoldSeat.objects.create(named_hold=kept, concert_seat=seat, outcome="RELEASED", ended_at=NOW)
        self.ids |= {"kept": kept.pk, "leftseat": left.pk}

    def withdraw(self):
        """Money on its way, which no ledger entry explains: not for the audit. 5,000 go back to the card, another
        5,000 came back from there, and a booking is being paid by card. And a seat that is kept, and on sale.
        """
        NamedHoldSeat.objects.create(named_hold_id=self.ids["kept"], concert_seat_id=self.ids["seat4"])
        self.ids["rebooking"] = Rebooking.objects.create(
            kind="EXCHANGE",
            old_payment_id=self.ids["canceled"],
            new_payment_id=self.ids["payment"],
            note="Behind a pillar",
            actor_id=self.ids["other"],
            created_at=NOW,
        ).pk
        made = {"user_id": self.ids["fan"], "amount": 5_000, "created_at": NOW, "updated_state_at": NOW}
        out = made | {"top_up_id": self.ids["topup"]}
        under_way = Withdrawal.objects.create(reference="w" * 32, entry_id=self.ids["wasted"], **out)
        Withdrawal.objects.create(
            reference="f" * 32,
            state="FAILED",
            entry_id=self.ids["spent"],
            return_entry_id=self.ids["charge"],
            payment_id=self.ids["canceled"],
            **out,
        )
        TopUp.objects.create(
            reference="o" * 32,
            state="PENDING",
            purpose="BOOKING",
            reservations=[1],
            currency="KRW",
            expires_at=NOW,
            provider="sandbox",
            request_hash="open",
            **made,
        )
        self.ids["withdrawn"] = under_way.pk
        return self

    def join(self, schedule):
        """Numbers 1 to 5: the first was in and left, two are inside, two wait; ten seconds between them."""
        for number, status in enumerate(("EXPIRED", "ACTIVE", "ACTIVE", "WAITING", "WAITING"), start=1):
            is_admitted = status != "WAITING"
            token = WaitingToken.objects.create(
                user=User.objects.create_user(f"line{number}@example.com"),
                concert_schedule=schedule,
                status=status,
                number=number,
                created_at=NOW - 10 * MINUTE + timedelta(seconds=10 * number),
                updated_active_at=NOW - 2 * MINUTE + timedelta(seconds=number) if is_admitted else None,
                expired_at=NOW if is_admitted else None,
                expired_reason="LEFT" if status == "EXPIRED" else None,
            )
            self.ids |= {f"token{number}": token.pk, f"queued{number}": token.user_id}

    def run(self, sql, *, unguarded=False):
        """Run SQL in which :name stands for an id; `unguarded`, no trigger and no foreign key is in its way."""
        for name, value in sorted(self.ids.items(), reverse=True):
            sql = sql.replace(f":{name}", str(value))
        with connection.cursor() as cursor:
            # Deferred checks are made now: no table may be altered while one is owed.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if unguarded:
                cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(sql)


def take(seat, **changes):
    assert ConcertSeat.objects.filter(pk=seat.pk).move("AVAILABLE", "TEMPORARY", **changes) == 1
    seat.refresh_from_db()

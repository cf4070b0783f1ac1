"""Bookings as a fan sees them: the seats of one reference together, each as it is at the moment of reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import groupby

from django.db import models
from django.db.models import Count, ExpressionWrapper, F, Max, Q
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import NotFound
from concert_site.lib.zones import day_at
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.models.reservation import ReservationQuerySet, ReservationStatus, is_held_at, today_at_venue
from reservations.queries import bookings
from reservations.queries.payment_facts import payment_of


class BookedSeatState(models.TextChoices):
    """What became of a seat that was booked."""

    HELD = "held", _("held")
    PAID = "paid", _("paid")
    REFUNDED = "refunded", _("refunded")
    EXCHANGED = "exchanged", _("exchanged")
    HANDED_OVER = "handed_over", _("handed over")
    LAPSED = "lapsed", _("not paid in time")
    GIVEN_UP = "given_up", _("given up")


# What a payment became that was refunded for that alone.
REBOOKED = {"EXCHANGE": BookedSeatState.EXCHANGED, "HANDOVER": BookedSeatState.HANDED_OVER}


class BookingTab(models.TextChoices):
    """Where a fan looks for a booking. One that still holds a seat is upcoming, whatever else it has."""

    UPCOMING = "upcoming", _("Upcoming")
    PAST = "past", _("Past")
    CANCELED = "canceled", _("Canceled")


@dataclass(frozen=True)
class BookedSeat:
    """One seat of a booking."""

    reservation: Reservation

    @cached_property
    def state(self) -> BookedSeatState:
        match self.reservation.state:
            case ReservationStatus.RESERVING:
                return BookedSeatState.HELD
            case ReservationStatus.RESERVED:
                return BookedSeatState.PAID
            case _:
                return self.canceled_state()

    def canceled_state(self) -> BookedSeatState:
        """Why it is canceled. Only what was paid has a payment; a hold that was given up ended before its time.

        One that staff took back has no end any more.
        """
        if payment := payment_of(self.reservation):
            return REBOOKED.get(payment.became, BookedSeatState.REFUNDED)
        end, changed = self.reservation.expired_at, self.reservation.updated_state_at
        is_tidied = self.reservation.status == ReservationStatus.CANCELED
        return BookedSeatState.GIVEN_UP if is_tidied and (end is None or changed < end) else BookedSeatState.LAPSED

    @property
    def ended_at(self) -> datetime:
        """When a hold ended that was never paid: one that has lapsed with its time, whenever somebody tidied up."""
        end = self.reservation.expired_at
        return end if end and self.state == BookedSeatState.LAPSED else self.reservation.updated_state_at

    @property
    def is_live(self) -> bool:
        return self.state in {BookedSeatState.HELD, BookedSeatState.PAID}

    @property
    def seat(self) -> ConcertSeat:
        return self.reservation.concert_seat

    @property
    def price(self) -> int:
        """What it costs, in minor units."""
        return self.reservation.price

    @property
    def refund(self) -> int:
        """What went back to the wallet once it was refunded."""
        payment = payment_of(self.reservation)
        return payment.refunded if payment and self.state == BookedSeatState.REFUNDED else 0


@dataclass(frozen=True)
class BookingSummary:
    """One booking: its seats, in the order in which they were booked. There is at least one."""

    seats: Sequence[BookedSeat]

    @property
    def first(self) -> Reservation:
        """The reservation that stands for what all of them share."""
        return self.seats[0].reservation

    @property
    def reference(self) -> str:
        return self.first.booking_reference

    @property
    def schedule(self) -> ConcertSchedule:
        return self.first.concert_schedule

    @cached_property
    def held(self) -> list[BookedSeat]:
        return self.of(BookedSeatState.HELD)

    @cached_property
    def paid(self) -> list[BookedSeat]:
        return self.of(BookedSeatState.PAID)

    @property
    def with_tickets(self) -> list[BookedSeat]:
        """The seats that have a ticket: what is paid, unless the date was canceled."""
        return [] if self.is_date_canceled else self.paid

    @cached_property
    def refunded(self) -> list[BookedSeat]:
        return self.of(BookedSeatState.REFUNDED)

    def of(self, state: BookedSeatState) -> list[BookedSeat]:
        return [each for each in self.seats if each.state == state]

    @property
    def to_pay(self) -> int:
        return sum(each.price for each in self.held)

    @property
    def paid_total(self) -> int:
        return sum(each.price for each in self.paid)

    @property
    def refunded_total(self) -> int:
        return sum(each.refund for each in self.refunded)

    @property
    def fees_total(self) -> int:
        return sum(each.price - each.refund for each in self.refunded)

    @property
    def ever_paid(self) -> int:
        """What was paid for the seats that have a ticket and for those that were refunded since."""
        return self.paid_total + sum(each.price for each in self.refunded)

    @property
    def amount_paid(self) -> int:
        """What the booking has cost by now: seats that are kept, and fees of those that were given back."""
        return self.ever_paid - self.refunded_total

    @property
    def days_left(self) -> int:
        """Days until the concert at the venue, as it stands now: none on the day itself, fewer once it is over."""
        return (self.schedule.concert_date - self.today).days

    @property
    def paid_at(self) -> datetime | None:
        """When the last of them was paid: a paid seat has changed its state then."""
        return max((each.reservation.updated_state_at for each in self.paid), default=None)

    @property
    def held_until(self) -> datetime | None:
        """When the first of the held seats is let go."""
        return min((end for each in self.held if (end := each.reservation.expired_at)), default=None)

    @property
    def seconds_left(self) -> int:
        """Whole seconds until then, by PostgreSQL's clock; 0 if nothing is held."""
        end = self.held_until
        return int((end - self.first.read_at).total_seconds()) if end else 0

    @property
    def is_extended(self) -> bool:
        return any(each.reservation.extended_at for each in self.held)

    @property
    def is_past(self) -> bool:
        """Whether the concert was on a day before today, at the venue, as it stands now."""
        return self.schedule.concert_date < self.today

    @property
    def is_date_canceled(self) -> bool:
        return self.schedule.canceled_at is not None

    @property
    def is_ahead(self) -> bool:
        """Whether its fans still go there: not over, and not canceled."""
        return not self.is_past and not self.is_date_canceled

    @property
    def moved_from_at(self) -> datetime | None:
        """The time that it was booked for, had it moved since and is the time known."""
        announced = self.schedule.first_concert_at
        return announced if announced and day_at(announced, self.time_zone) == self.first.concert_date else None

    @property
    def moved_from_day(self) -> date | None:
        return bookings.moved_from(self.first)

    @property
    def booked_as(self) -> str | None:
        """The name that the concert had when it was booked, where it has another one by now."""
        return self.first.concert_name if self.first.concert_name != self.first.concert.name else None

    @property
    def free_until(self) -> date | None:
        """Until which day it is canceled for nothing because it was moved; None once that is over, or never was."""
        until = bookings.free_refunds_until(self.first)
        return until if until and until >= self.today and not self.is_date_canceled else None

    @property
    def today(self) -> date:
        """The day at the venue on which this was read."""
        return bookings.today_of(self.first)

    @property
    def time_zone(self) -> str | None:
        """The name of the venue's zone, in which its times are said; None is the house's own."""
        return self.first.venue_zone


def with_schedule(reservations: ReservationQuerySet) -> ReservationQuerySet:
    """These, each with concert, venue and date; without its layout, which is large and not for reading."""
    related = bookings.with_date(reservations).select_related("concert__venue")
    return related.defer("concert__search_key", "concert__venue__search_key")


def booking_summary(reference: str, *, user_id: int, now: datetime | None = None) -> BookingSummary:
    """One booking of a fan, in one query.

    :raises NotFound: if there is none, or it is someone else's
    """
    return summary_of(with_schedule(bookings.of_reference(reference, user_id=user_id, now=now)))


def summary_of(reservations: Iterable[Reservation]) -> BookingSummary:
    """The booking that these are.

    :raises NotFound: if there are none
    """
    seats = [BookedSeat(each) for each in reservations]
    if not seats:
        raise NotFound
    return BookingSummary(seats)


def references_in(tab: BookingTab, *, user_id: int, now: datetime | None = None) -> models.QuerySet[Reservation, str]:
    """The references of a fan's bookings on a tab: held ones first, then the newest."""
    is_held = Q(held__gt=0)
    where = {
        BookingTab.UPCOMING: is_held | Q(paid__gt=0, played_on__gte=F("today")),
        BookingTab.PAST: ~is_held & Q(paid__gt=0, played_on__lt=F("today")),
        BookingTab.CANCELED: ~is_held & Q(paid=0),
    }
    together = Reservation.objects.filter(user_id=user_id).values("booking_reference")
    counted = together.annotate(
        held=Count("pk", filter=is_held_at(now)),
        paid=Count("pk", filter=Q(status=ReservationStatus.RESERVED)),
        played_on=Max("concert_schedule__concert_date"),
        today=Max(today_at_venue(now)),
        newest=Max("pk"),
    )
    first = ExpressionWrapper(is_held, output_field=models.BooleanField())
    ordered = counted.filter(where[tab]).order_by(first.desc(), F("newest").desc())
    return ordered.values_list("booking_reference", flat=True)


def booking_summaries(references: Sequence[str], *, user_id: int, now: datetime | None = None) -> list[BookingSummary]:
    """These bookings of a fan, in this order, in one query."""
    own = bookings.own_reservations(user_id=user_id, now=now).filter(booking_reference__in=references)
    ordered = with_schedule(own).order_by("booking_reference", "pk")
    found = {
        reference: summary_of(together)
        for reference, together in groupby(ordered, key=lambda each: each.booking_reference)
    }
    return [found[reference] for reference in references if reference in found]

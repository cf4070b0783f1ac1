"""A fan's claim on a seat, from the hold to the end."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.predicates import Predicate, moment
from concert_site.lib.idempotency import HASH_LENGTH, LONGEST_KEY
from concert_site.lib.states import StateQuerySet, all_or_none, fsm_trigger, one_of
from reservations.models.concert import Concert, ConcertSchedule
from reservations.models.seat import ConcertSeat


class ReservationStatus(models.TextChoices):
    RESERVING = "RESERVING", _("held")
    RESERVED = "RESERVED", _("paid")
    CANCELED = "CANCELED", _("canceled")


TRANSITIONS = {
    ReservationStatus.RESERVING: {ReservationStatus.RESERVED, ReservationStatus.CANCELED},
    ReservationStatus.RESERVED: {ReservationStatus.CANCELED},
}


# No vowels and nothing that looks like something else: references are read out on the phone.
REFERENCE_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
REFERENCE_LENGTH = 12

# What isn't canceled; a hold whose time is over is among it until somebody tidies up.
LIVE = (ReservationStatus.RESERVING, ReservationStatus.RESERVED)
# Held or paid; a hold whose time is over isn't, whatever is still to be tidied up.
IS_LIVE = Predicate("status", "expired_at", Now(), function="reservation_is_live")
# By the status alone, as an index has to have it.
HAS_LIVE_STATUS = Case(When(status__in=["RESERVING", "RESERVED"], then=Value(True)))


class ReservationQuerySet(StateQuerySet["Reservation"]):
    def of(self, *, user_id: int) -> "ReservationQuerySet":
        return self.filter(user_id=user_id)

    def as_read(self, now: datetime | None = None) -> "ReservationQuerySet":
        """Each with when it was read, the status that it has then, and whose clocks count."""
        seen = {"read_at": moment(now), "state": state_at(now), "venue_zone": F("concert__venue__time_zone")}
        return self.annotate(**seen)


def is_held_at(now: datetime | None = None) -> Predicate:
    """Whether a reservation may still be paid."""
    return Predicate("status", "expired_at", moment(now), function="reservation_is_held")


def state_at(now: datetime | None = None) -> Func:
    """The status of a reservation as everybody reads it: a hold that is over is canceled before it is tidied up."""
    return Func(
        "status",
        "expired_at",
        moment(now),
        function="reservation_state",
        output_field=models.CharField(choices=ReservationStatus),
    )


def today_at_venue(now: datetime | None = None) -> Func:
    """The day that it is where a reservation's concert is played."""
    zones = F("concert__venue__time_zone"), Value(settings.TIME_ZONE)
    return Func(*zones, moment(now), function="day_at", output_field=models.DateField())


class Reservation(models.Model):
    """One seat of one booking. Name and date are as they were when it was booked.

    `expired_at` is the end of the hold while RESERVING. A booking's idempotency key stands on the row of
    its first seat.
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "status"
    # What `as_read` annotates: when it was read, by PostgreSQL's clock; the status to show, CANCELED for a hold
    # that is over before it is tidied up; the name of the venue's zone, None for the house's own.
    read_at: datetime
    state: str
    venue_zone: str | None

    booking_reference = models.CharField(_("booking reference"), max_length=36)
    # A hot insert: a foreign key is indexed only where a read needs it.
    concert = models.ForeignKey(Concert, models.PROTECT, db_index=False, verbose_name=_("concert"))
    concert_schedule = models.ForeignKey(ConcertSchedule, models.PROTECT, db_index=False, verbose_name=_("schedule"))
    concert_seat = models.ForeignKey(
        ConcertSeat, models.PROTECT, related_name="reservations", db_index=False, verbose_name=_("seat")
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    concert_name = models.CharField(_("concert name"), max_length=200)
    concert_date = models.DateField(_("date"))
    price = models.BigIntegerField(_("price"))
    complimentary = models.BooleanField(_("complimentary"), default=False, db_default=False)
    status = models.CharField(_("status"), max_length=9, choices=ReservationStatus, default=ReservationStatus.RESERVING)
    expired_at = models.DateTimeField(_("held until"), null=True, blank=True)
    extended_at = models.DateTimeField(_("extended at"), null=True, blank=True)
    idempotency_key = models.CharField(max_length=LONGEST_KEY, null=True, blank=True, editable=False)
    request_hash = models.CharField(max_length=HASH_LENGTH, null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("booked at"))
    updated_state_at = models.DateTimeField(_("state changed at"))

    objects = ReservationQuerySet.as_manager()

    class Meta:
        db_table = "reservation"
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        permissions = [("serve_fan", "Can help a fan with a booking: extend, hand over, note, send again")]
        constraints = [
            models.CheckConstraint(condition=one_of("status", ReservationStatus), name="reservation_status_known"),
            # What costs nothing is a complimentary ticket, and nothing else is.
            models.CheckConstraint(
                condition=Q(price__gt=0, complimentary=False) | Q(price=0, complimentary=True),
                name="reservation_price_positive",
            ),
            models.CheckConstraint(
                condition=~Q(status="RESERVING") | Q(expired_at__isnull=False), name="reservation_hold_ends"
            ),
            models.CheckConstraint(
                condition=~Q(status="RESERVED") | Q(expired_at__isnull=True), name="reservation_paid_has_no_end"
            ),
            models.CheckConstraint(
                condition=all_or_none("idempotency_key", "request_hash"), name="reservation_key_with_its_request"
            ),
            # One live reservation a seat. Those that are canceled are in the index, too, each a NULL that equals no
            # other: so it also finds whatever a seat was booked by, which removing seats asks once a seat.
            models.UniqueConstraint("concert_seat", HAS_LIVE_STATUS, name="reservation_one_live"),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="reservation_key_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "concert_schedule"],
                condition=Q(status__in=["RESERVING", "RESERVED"]),
                name="reservation_fan_live",
            ),
            models.Index(fields=["expired_at", "id"], condition=Q(status="RESERVING"), name="reservation_reserving"),
            models.Index(fields=["user", "-id"], name="reservation_fan_newest"),
            models.Index(fields=["booking_reference"], name="reservation_booking"),
        ]
        triggers: ClassVar = [fsm_trigger("status", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.booking_reference}: {self.concert_name}, {self.concert_date} ({self.status})"

"""The numbered seats of a schedule."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.database.predicates import Predicate, moment
from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of
from reservations.halls.hall import LONGEST
from reservations.models.concert import Concert, ConcertSchedule


class SeatStatus(models.TextChoices):
    AVAILABLE = "AVAILABLE", pgettext_lazy("seat", "available")
    TEMPORARY = "TEMPORARY", _("held")
    RESERVED = "RESERVED", _("reserved")
    UNAVAILABLE = "UNAVAILABLE", _("not on sale")


TRANSITIONS = {
    SeatStatus.AVAILABLE: {SeatStatus.TEMPORARY, SeatStatus.UNAVAILABLE},
    SeatStatus.TEMPORARY: {SeatStatus.RESERVED, SeatStatus.AVAILABLE},
    SeatStatus.RESERVED: {SeatStatus.AVAILABLE},
    SeatStatus.UNAVAILABLE: {SeatStatus.AVAILABLE},
}


IS_FREE = Predicate("status", "expired_at", Now(), function="seat_is_free")
IS_HELD = Predicate("status", "expired_at", Now(), function="seat_is_held")


class ConcertSeatQuerySet(StateQuerySet["ConcertSeat"]):
    def of_schedule(self, schedule_id: int) -> "ConcertSeatQuerySet":
        """The seats of a schedule, in the order in which every answer lists them."""
        return self.filter(concert_schedule_id=schedule_id).order_by("pk")

    def lapsed(self, now: datetime | None = None) -> "ConcertSeatQuerySet":
        """The seats of holds that are over, and not yet tidied up."""
        return self.filter(Predicate("status", "expired_at", moment(now), function="seat_has_lapsed"))


class ConcertSeat(models.Model):
    """A seat of one schedule.

    The row is the mutex of its reservation: whoever changes the one locks the other first. Nothing that a
    sale changes is indexed, so that each change stays a heap-only update (fillfactor 70).
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "status"

    concert = models.ForeignKey(Concert, models.PROTECT, db_index=False, verbose_name=_("concert"))
    concert_schedule = models.ForeignKey(
        ConcertSchedule, models.PROTECT, related_name="seats", db_index=False, verbose_name=_("schedule")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("holder")
    )
    section = models.CharField(_("section"), max_length=LONGEST["section"])
    row = models.CharField(_("row"), max_length=LONGEST["row"])
    seat_number = models.PositiveIntegerField(_("seat number"))
    seat_label = models.CharField(_("label"), max_length=LONGEST["label"])
    seat_guid = models.CharField(_("seat GUID"), max_length=LONGEST["guid"])
    seat_price = models.BigIntegerField(_("price"))
    category = models.CharField(_("category"), max_length=LONGEST["category"], blank=True)
    row_index = models.PositiveIntegerField(_("row index"))
    x = models.FloatField()
    y = models.FloatField()
    accessible = models.BooleanField(_("accessible"), default=False)
    companion = models.BooleanField(_("companion's seat"), default=False, db_default=False)
    # Where it stands among its neighbours (reservations.halls.adjoining); seats that are never moved keep it.
    stretch = models.IntegerField(default=0, db_default=0, editable=False)
    place = models.IntegerField(default=0, db_default=0, editable=False)
    nearness = models.IntegerField(default=0, db_default=0, editable=False)
    status = models.CharField(_("status"), max_length=11, choices=SeatStatus, default=SeatStatus.AVAILABLE)
    expired_at = models.DateTimeField(_("held until"), null=True, blank=True)
    reserved_at = models.DateTimeField(_("reserved at"), null=True, blank=True)

    objects = ConcertSeatQuerySet.as_manager()

    class Meta:
        db_table = "concert_seat"
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        constraints = [
            models.CheckConstraint(condition=one_of("status", SeatStatus), name="seat_status_known"),
            models.CheckConstraint(condition=Q(seat_price__gt=0), name="seat_price_positive"),
            models.CheckConstraint(
                condition=~Q(status="TEMPORARY")
                | Q(user__isnull=False, expired_at__isnull=False, reserved_at__isnull=True),
                name="seat_temporary_is_held",
            ),
            models.CheckConstraint(
                condition=~Q(status="RESERVED")
                | Q(user__isnull=False, expired_at__isnull=True, reserved_at__isnull=False),
                name="seat_reserved_is_owned",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["TEMPORARY", "RESERVED"])
                | Q(user__isnull=True, expired_at__isnull=True, reserved_at__isnull=True),
                name="seat_free_has_no_holder",
            ),
            models.UniqueConstraint(
                fields=["concert_schedule", "section", "row", "seat_number"], name="seat_place_once"
            ),
            models.UniqueConstraint(fields=["concert_schedule", "seat_guid"], name="seat_guid_once"),
        ]
        # Best available walks the hall by these, from the stage. Nothing of them is changed by a sale, and as all seats
        # of a stretch are one entry they are small.
        indexes: ClassVar = [
            models.Index(fields=["concert_schedule", "stretch"], name="seat_stretch"),
            models.Index(fields=["concert_schedule", "category", "stretch"], name="seat_category_stretch"),
            models.Index(fields=["concert_schedule", "section", "stretch"], name="seat_section_stretch"),
        ]
        triggers: ClassVar = [fsm_trigger("status", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.section} {self.row} {self.seat_label}"

"""Seats kept for somebody by name: a promoter, the press, the sound desk."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.predicates import moment
from concert_site.lib.reasons import LONGEST_REASON
from concert_site.lib.states import all_or_none, one_of
from reservations.models.concert import ConcertSchedule
from reservations.models.seat import ConcertSeat

# How much text the columns hold.
LONGEST = {"name": 100, "owner": 200, "reason": LONGEST_REASON}


class NamedHoldQuerySet(models.QuerySet["NamedHold"]):
    def of_schedule(self, schedule_id: int) -> "NamedHoldQuerySet":
        """Those of a schedule, oldest first."""
        return self.filter(concert_schedule_id=schedule_id).order_by("pk")

    def ended(self, now: datetime | None = None) -> "NamedHoldQuerySet":
        """Those whose time is over and that still keep seats."""
        return self.filter(ends_at__lte=moment(now), seats__outcome__isnull=True).distinct()


class NamedHold(models.Model):
    """Seats of one schedule that are off sale for `owner`, until `ends_at` (None: until they are given back)."""

    concert_schedule = models.ForeignKey(
        ConcertSchedule, models.PROTECT, related_name="named_holds", db_index=False, verbose_name=_("schedule")
    )
    name = models.CharField(_("name"), max_length=LONGEST["name"])
    owner = models.CharField(_("owner"), max_length=LONGEST["owner"])
    reason = models.CharField(_("reason"), max_length=LONGEST["reason"])
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("made at"))

    objects = NamedHoldQuerySet.as_manager()

    class Meta:
        db_table = "named_hold"
        verbose_name = _("named hold")
        verbose_name_plural = _("named holds")
        # Written by the domain alone, for who has `manage_blocks` of the schedule.
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(owner="") & ~Q(reason=""), name="named_hold_says_for_whom_and_why"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("created_at")), name="named_hold_ends_later"
            ),
        ]
        indexes = [
            models.Index(fields=["concert_schedule"], name="named_hold_schedule"),
            models.Index(fields=["ends_at"], condition=Q(ends_at__isnull=False), name="named_hold_end"),
        ]

    def __str__(self) -> str:
        return self.name


class NamedHoldOutcome(models.TextChoices):
    """How a seat left its named hold."""

    RELEASED = "RELEASED", _("put back on sale")
    SOLD = "SOLD", _("sold")
    COMPLIMENTARY = "COMPLIMENTARY", _("complimentary")


class NamedHoldSeat(models.Model):
    """A seat of a named hold: kept while it has no `outcome`, and by one at a time."""

    named_hold = models.ForeignKey(
        NamedHold, models.PROTECT, related_name="seats", db_index=False, verbose_name=_("named hold")
    )
    concert_seat = models.ForeignKey(
        ConcertSeat, models.PROTECT, related_name="named_holds", db_index=False, verbose_name=_("seat")
    )
    outcome = models.CharField(_("outcome"), max_length=13, choices=NamedHoldOutcome, null=True, blank=True)
    ended_at = models.DateTimeField(_("left at"), null=True, blank=True)

    class Meta:
        db_table = "named_hold_seat"
        verbose_name = _("seat of a named hold")
        verbose_name_plural = _("seats of named holds")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__isnull=True) | one_of("outcome", NamedHoldOutcome), name="named_hold_outcome_known"
            ),
            models.CheckConstraint(
                condition=all_or_none("outcome", "ended_at"), name="named_hold_outcome_with_its_time"
            ),
            models.UniqueConstraint(
                fields=["concert_seat"], condition=Q(outcome__isnull=True), name="named_hold_seat_once"
            ),
        ]
        indexes = [
            models.Index(fields=["named_hold", "outcome"], name="named_hold_seats"),
            # Removing seats asks for what points at them.
            models.Index(fields=["concert_seat"], name="named_hold_of_seat"),
        ]

    def __str__(self) -> str:
        return f"seat {self.concert_seat_id} of named hold {self.named_hold_id}"


def is_kept() -> Exists:
    """Of a seat: whether a named hold keeps it."""
    return Exists(NamedHoldSeat.objects.filter(concert_seat=OuterRef("pk"), outcome=None))

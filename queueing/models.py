"""The waiting room's table: one token a visit of a fan."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.predicates import Predicate, moment
from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of


class TokenStatus(models.TextChoices):
    WAITING = "WAITING", _("waiting")
    ACTIVE = "ACTIVE", _("active")
    EXPIRED = "EXPIRED", _("expired")


class ExpiredReason(models.TextChoices):
    LEFT = "LEFT", _("left the line")
    NO_SHOW = "NO_SHOW", _("did not enter in time")
    TIME_OVER = "TIME_OVER", _("time is over")
    PAID = "PAID", _("paid")
    SOLD_OUT = "SOLD_OUT", _("sold out")
    SALE_CLOSED = "SALE_CLOSED", _("sale closed")


TRANSITIONS = {
    TokenStatus.WAITING: {TokenStatus.ACTIVE, TokenStatus.EXPIRED},
    TokenStatus.ACTIVE: {TokenStatus.EXPIRED},
}


# The status that everybody reads, and why a token ends whose time is over.
STATE = Func("status", "expired_at", Now(), function="token_state", output_field=models.CharField())
LAPSE_REASON = Func("entered_at", function="token_lapse_reason", output_field=models.CharField())


class WaitingTokenQuerySet(StateQuerySet["WaitingToken"]):
    def of(self, *, user_id: int) -> "WaitingTokenQuerySet":
        return self.filter(user_id=user_id)

    def waiting(self, schedule_id: int) -> "WaitingTokenQuerySet":
        """Everybody who waits for their turn in a line, or for its draw."""
        return self.filter(concert_schedule_id=schedule_id, status=TokenStatus.WAITING)

    def gathered(self, schedule_id: int) -> "WaitingTokenQuerySet":
        """Who waits without a number: in the lobby, or while the numbers are being drawn."""
        return self.waiting(schedule_id).filter(number__isnull=True)

    def live(self) -> "WaitingTokenQuerySet":
        """Tokens that wait or are inside."""
        return self.filter(Predicate("status", function="token_is_live"))

    def inside(self, now: datetime | None = None) -> "WaitingTokenQuerySet":
        """Tokens with which their fans may hold seats."""
        return self.filter(Predicate("status", "expired_at", moment(now), function="token_is_inside"))

    def lapsed(self, now: datetime | None = None) -> "WaitingTokenQuerySet":
        """Tokens whose time is over, and that are not yet closed."""
        return self.filter(Predicate("status", "expired_at", moment(now), function="token_has_lapsed"))


class WaitingToken(models.Model):
    """A fan's place in the line of one schedule.

    `number` is the place, first come first served. `expired_at` is the end of an ACTIVE token's time, or
    the moment at which an EXPIRED one ended.
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "status"

    # No index of their own on the two keys: every read names the fan and the schedule together, or a
    # number within a schedule, and has its index below.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    concert_schedule = models.ForeignKey(
        "reservations.ConcertSchedule", models.PROTECT, db_index=False, verbose_name=_("schedule")
    )
    token = models.UUIDField(_("token"), default=uuid.uuid4, unique=True, editable=False)
    status = models.CharField(_("status"), max_length=8, choices=TokenStatus, default=TokenStatus.WAITING)
    number = models.BigIntegerField(_("number"), null=True, blank=True)
    created_at = models.DateTimeField(_("joined at"), db_default=Now())
    entered_at = models.DateTimeField(_("entered at"), null=True, blank=True)
    updated_active_at = models.DateTimeField(_("admitted at"), null=True, blank=True)
    expired_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    expired_reason = models.CharField(
        _("reason of expiry"), max_length=11, choices=ExpiredReason, null=True, blank=True
    )

    objects = WaitingTokenQuerySet.as_manager()

    class Meta:
        db_table = "waiting_token"
        verbose_name = _("waiting token")
        verbose_name_plural = _("waiting tokens")
        constraints = [
            models.CheckConstraint(condition=one_of("status", TokenStatus), name="token_status_known"),
            models.CheckConstraint(
                condition=Q(expired_reason__isnull=True) | one_of("expired_reason", ExpiredReason),
                name="token_reason_known",
            ),
            models.CheckConstraint(condition=Q(number__isnull=True) | Q(number__gt=0), name="token_number_positive"),
            models.CheckConstraint(
                condition=~Q(status="WAITING")
                | Q(
                    entered_at__isnull=True,
                    updated_active_at__isnull=True,
                    expired_at__isnull=True,
                    expired_reason__isnull=True,
                ),
                name="token_waiting_is_outside",
            ),
            models.CheckConstraint(
                condition=~Q(status="ACTIVE")
                | Q(
                    number__isnull=False,
                    updated_active_at__isnull=False,
                    expired_at__isnull=False,
                    expired_reason__isnull=True,
                ),
                name="token_active_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="EXPIRED") | Q(expired_at__isnull=False, expired_reason__isnull=False),
                name="token_expired_says_why",
            ),
            models.CheckConstraint(
                condition=Q(entered_at__isnull=True) | Q(updated_active_at__isnull=False),
                name="token_entered_was_admitted",
            ),
            models.UniqueConstraint(
                fields=["user", "concert_schedule"],
                condition=Q(status__in=["WAITING", "ACTIVE"]),
                name="token_one_live",
            ),
            models.UniqueConstraint(fields=["concert_schedule", "number"], name="token_number_once"),
        ]
        indexes = [
            models.Index(fields=["concert_schedule", "number"], condition=Q(status="WAITING"), name="token_waiting"),
            models.Index(fields=["concert_schedule"], condition=Q(status="ACTIVE"), name="token_active"),
        ]
        triggers = [fsm_trigger("status", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.token} ({self.status})"

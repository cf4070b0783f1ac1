"""What waits for a second person, and how much a role may do alone."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.reasons import LONGEST_REASON
from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of


class ApprovalState(models.TextChoices):
    PENDING = "PENDING", pgettext_lazy("approval", "waiting")
    CONFIRMED = "CONFIRMED", pgettext_lazy("approval", "confirmed")
    DECLINED = "DECLINED", pgettext_lazy("approval", "declined")
    EXPIRED = "EXPIRED", pgettext_lazy("approval", "expired")


TRANSITIONS = {ApprovalState.PENDING: {ApprovalState.CONFIRMED, ApprovalState.DECLINED, ApprovalState.EXPIRED}}
# What was asked is what is confirmed: nobody changes it in between.
ORDER = ("kind", "subject", "payload", "amount", "fan", "asked_by", "asked_at", "reason", "expires_at")


class ApprovalQuerySet(StateQuerySet["Approval"]):
    def waiting(self, now: datetime | None = None) -> "ApprovalQuerySet":
        """Those that can still be confirmed; what has lapsed is nobody's to decide, whatever its state says yet."""
        return self.filter(state=ApprovalState.PENDING, expires_at__gt=now or Now())

    def lapsed(self, now: datetime | None = None) -> "ApprovalQuerySet":
        """Those that nobody decided in time, of which that isn't noted yet."""
        return self.filter(state=ApprovalState.PENDING, expires_at__lte=now or Now())

    def that_read(self, state: ApprovalState) -> "ApprovalQuerySet":
        """Those of which `state_now` is so."""
        if state == ApprovalState.PENDING:
            return self.waiting()
        found = self.filter(state=state)
        return found | self.lapsed() if state == ApprovalState.EXPIRED else found


class Approval(models.Model):
    """A step of staff above their ceiling: what, how much (minor units) and why, who asked, and what came of it.

    `kind` names the step (concert_site.approvals.steps) and `payload` is what it needs. `subject` says what it is
    about, so that the same thing isn't asked for twice. Once CONFIRMED the step is run: `done_at` says that it was,
    `failure` why it couldn't be.
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "state"

    kind = models.CharField(_("step"), max_length=40)
    subject = models.CharField(_("subject"), max_length=200)
    payload = models.JSONField(_("order"))
    amount = models.BigIntegerField(_("amount"))
    fan = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("fan")
    )
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked at"), db_default=Now())
    reason = models.CharField(_("reason"), max_length=LONGEST_REASON)
    state = models.CharField(_("state"), max_length=9, choices=ApprovalState, default=ApprovalState.PENDING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    answer = models.CharField(_("answer"), max_length=LONGEST_REASON, blank=True, db_default="")
    expires_at = models.DateTimeField(_("expires at"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    failure = models.CharField(_("not done because"), max_length=LONGEST_REASON, blank=True, db_default="")

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        db_table = "approval"
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        # Staff ask by what they do, and decide on a page of its own.
        default_permissions = ("view",)
        permissions = [("decide_approval", "Can confirm or decline what is above a colleague’s ceiling")]
        constraints = [
            models.CheckConstraint(condition=one_of("state", ApprovalState), name="approval_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="approval_amount_positive"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(kind=""), name="approval_says_what_and_why"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("asked_at")), name="approval_expires_later"),
            models.CheckConstraint(
                condition=Q(state__in=["PENDING", "EXPIRED"], decided_by__isnull=True, decided_at__isnull=True)
                # Who asked may take it back, which is to decline it.
                | Q(state="DECLINED", decided_by__isnull=False, decided_at__isnull=False)
                | Q(state="CONFIRMED", decided_by__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("asked_by")),
                name="approval_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True, failure="")
                | Q(state="CONFIRMED", done_at__isnull=False, failure="")
                | Q(state="CONFIRMED", done_at__isnull=True) & ~Q(failure=""),
                name="approval_done_once_confirmed",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(state="PENDING"), name="approval_asked_for_once"
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], condition=Q(state="PENDING"), name="approval_waiting")]
        triggers: ClassVar = [
            fsm_trigger("state", TRANSITIONS),
            pgtrigger.Protect(
                name="approval_order_stays", operation=pgtrigger.Update, condition=pgtrigger.AnyChange(*ORDER)
            ),
            pgtrigger.Protect(name="approval_is_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} ({self.state})"

    @property
    def state_now(self) -> ApprovalState:
        """Its state; what has lapsed is expired before that is noted."""
        is_lapsed = self.state == ApprovalState.PENDING and self.expires_at <= timezone.now()
        return ApprovalState.EXPIRED if is_lapsed else ApprovalState(self.state)


class Ceiling(models.Model):
    """How much (minor units) a role may do at once with a permission before a second person is asked.

    An empty amount is no ceiling.
    """

    group = models.ForeignKey(Group, models.PROTECT, related_name="+", verbose_name=_("role"))
    permission = models.CharField(_("permission"), max_length=100)
    amount = models.BigIntegerField(_("ceiling"), null=True, blank=True)

    class Meta:
        db_table = "ceiling"
        verbose_name = _("ceiling")
        verbose_name_plural = _("ceilings")
        constraints = [
            models.CheckConstraint(condition=Q(amount__isnull=True) | Q(amount__gte=0), name="ceiling_not_below_zero"),
            models.UniqueConstraint(fields=["group", "permission"], name="ceiling_once_a_role"),
        ]

    def __str__(self) -> str:
        return f"{self.permission}: {self.amount}"

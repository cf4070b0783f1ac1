"""What providers told us, word for word; and the book of the provider that takes no real money."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of


class EventState(models.TextChoices):
    RECEIVED = "RECEIVED", pgettext_lazy("webhook", "received")
    DONE = "DONE", pgettext_lazy("webhook", "done")
    IGNORED = "IGNORED", pgettext_lazy("webhook", "not for us")
    FAILED = "FAILED", pgettext_lazy("webhook", "failed")


# Staff have a done one done again.
TRANSITIONS = {
    EventState.RECEIVED: {EventState.DONE, EventState.IGNORED, EventState.FAILED},
    EventState.FAILED: {EventState.RECEIVED},
    EventState.DONE: {EventState.RECEIVED},
    EventState.IGNORED: {EventState.RECEIVED},
}


class ProviderEvent(models.Model):
    """A webhook as it came: signature and age were good, and nothing was done yet when it was written.

    It is no more than a hint that something has happened to `reference`: the provider is asked what.
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "state"

    provider = models.CharField(_("provider"), max_length=100)
    event_id = models.CharField(_("the provider’s number"), max_length=255)
    kind = models.CharField(_("kind"), max_length=100)
    reference = models.CharField(_("about"), max_length=255, blank=True, db_default="")
    body = models.BinaryField(_("body"))
    state = models.CharField(_("state"), max_length=8, choices=EventState, default=EventState.RECEIVED)
    error = models.CharField(_("error"), max_length=500, blank=True, db_default="")
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    received_at = models.DateTimeField(_("received at"))
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    handled_at = models.DateTimeField(_("done at"), null=True, blank=True)

    objects = StateQuerySet["ProviderEvent"].as_manager()

    class Meta:
        db_table = "provider_event"
        verbose_name = _("message of a provider")
        verbose_name_plural = _("messages of providers")
        default_permissions = ("view",)
        permissions = [("replay_event", "Can have messages of providers done again")]
        constraints = [
            models.CheckConstraint(condition=one_of("state", EventState), name="provider_event_state_known"),
            models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once"),
        ]
        indexes = [
            models.Index(
                fields=["provider", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="provider_event_due",
            ),
            models.Index(fields=["id"], condition=Q(state=EventState.FAILED), name="provider_event_failed"),
        ]
        triggers: ClassVar = [fsm_trigger("state", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.kind} of {self.provider} ({self.state})"


class SandboxPayment(models.Model):
    """The sandbox's own book, as a real provider has one: what it was asked for, and what it took.

    `succeeds_at`: from then on it says that it was paid.
    """

    reference = models.CharField(max_length=64, unique=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    succeeds_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=100, blank=True, db_default="")
    refunds = models.JSONField(default=dict)
    refunded = models.BigIntegerField(default=0, db_default=0)
    is_card_closed = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "sandbox_payment"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="sandbox_amount_positive"),
            models.CheckConstraint(
                condition=Q(succeeds_at__isnull=True) | Q(failed_at__isnull=True), name="sandbox_one_ending"
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("amount")), name="sandbox_refunds_no_more_than_taken"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.amount} {self.currency}"

"""Top-ups: what is known of money on its way from a provider to a wallet, from before it moves (a payment intent)."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.idempotency import HASH_LENGTH, LONGEST_KEY
from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of
from wallet.models.ledger import BalanceHistory


class TopUpState(models.TextChoices):
    CREATED = "CREATED", pgettext_lazy("top-up", "not begun")
    PENDING = "PENDING", pgettext_lazy("top-up", "under way")
    SUCCEEDED = "SUCCEEDED", pgettext_lazy("top-up", "received")
    FAILED = "FAILED", pgettext_lazy("top-up", "failed")
    EXPIRED = "EXPIRED", pgettext_lazy("top-up", "given up")
    PARTLY_REFUNDED = "PARTLY_REFUNDED", pgettext_lazy("top-up", "partly paid back")
    REFUNDED = "REFUNDED", pgettext_lazy("top-up", "paid back")


class Purpose(models.TextChoices):
    WALLET = "WALLET", pgettext_lazy("top-up", "for the wallet")
    BOOKING = "BOOKING", pgettext_lazy("top-up", "for a booking")


# Whoever has to wait for these, waits: nobody knows yet how they end.
OPEN = (TopUpState.CREATED, TopUpState.PENDING)
CREDITED = (TopUpState.SUCCEEDED, TopUpState.PARTLY_REFUNDED, TopUpState.REFUNDED)
# Why one is left to staff, though its provider has the money; and what they did about it: then nothing else may.
AMOUNT_DIFFERS, TOO_LARGE = "amount_differs", "balance_too_large"
BOOKED, GIVING_BACK, GIVEN_BACK = "booked_by_hand", "giving_back", "given_back"
FOR_STAFF = {AMOUNT_DIFFERS, TOO_LARGE}
BY_STAFF = {BOOKED, GIVING_BACK, GIVEN_BACK}
# In the order in which an index has them.
TO_END_BY_HAND = (AMOUNT_DIFFERS, TOO_LARGE, GIVING_BACK)
ENDINGS = {TopUpState.SUCCEEDED, TopUpState.FAILED, TopUpState.EXPIRED}
TRANSITIONS = {
    TopUpState.CREATED: ENDINGS | {TopUpState.PENDING},
    TopUpState.PENDING: ENDINGS,
    # Providers report money after they have reported a failure, and after we have given up.
    TopUpState.FAILED: {TopUpState.SUCCEEDED},
    TopUpState.EXPIRED: {TopUpState.SUCCEEDED, TopUpState.FAILED},
    # A refund that a provider turns down later is taken back.
    TopUpState.SUCCEEDED: {TopUpState.PARTLY_REFUNDED, TopUpState.REFUNDED},
    TopUpState.PARTLY_REFUNDED: {TopUpState.SUCCEEDED, TopUpState.REFUNDED},
    TopUpState.REFUNDED: {TopUpState.SUCCEEDED, TopUpState.PARTLY_REFUNDED},
}


class TopUpQuerySet(StateQuerySet["TopUp"]):
    def of(self, *, user_id: int) -> "TopUpQuerySet":
        return self.filter(user_id=user_id)

    def open(self) -> "TopUpQuerySet":
        """Those of which nobody knows yet how they end."""
        return self.filter(state__in=OPEN)

    def for_staff(self) -> "TopUpQuerySet":
        """Those that a provider has the money of and that can't be credited as they were ordered."""
        return self.filter(failure__in=TO_END_BY_HAND, entry=None)

    def unsettled(self) -> "TopUpQuerySet":
        """Those that may still bring money, be it by the hands of staff."""
        return self.open() | self.for_staff()


class TopUp(models.Model):
    """Money that a fan means to bring in: written before a provider is asked, credited once, whoever reports it first.

    `reference` is what the provider knows it by, `provider_reference` what the provider calls it. `next` is what the
    fan has to do. `reservations` are paid from it at once, where it is for a booking, by whoever stands above the
    wallet; `outcome` says what came of that. `refunded` is what went back, or is on its way back, to where the money
    came from. Amounts are in minor units.
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "state"
    PAID, KEPT = "PAID", "KEPT"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    purpose = models.CharField(_("purpose"), max_length=7, choices=Purpose, default=Purpose.WALLET)
    reservations = ArrayField(models.BigIntegerField(), default=list, blank=True, verbose_name=_("reservations"))
    provider = models.CharField(_("provider"), max_length=100)
    reference = models.CharField(_("our reference"), max_length=64, unique=True)
    provider_reference = models.CharField(_("the provider’s reference"), max_length=255, null=True, blank=True)
    next = models.JSONField(null=True, blank=True, editable=False)
    state = models.CharField(_("state"), max_length=15, choices=TopUpState, default=TopUpState.CREATED)
    failure = models.CharField(_("why not"), max_length=100, blank=True, db_default="")
    method = models.CharField(_("paid with"), max_length=100, blank=True, db_default="")
    refunded = models.BigIntegerField(_("paid back"), default=0, db_default=0)
    outcome = models.CharField(_("what came of it"), max_length=4, blank=True, db_default="")
    entry = models.OneToOneField(
        BalanceHistory, models.PROTECT, null=True, blank=True, related_name="top_up", verbose_name=_("ledger entry")
    )
    # Where on our site the fan goes on afterwards.
    return_path = models.CharField(max_length=500, blank=True, db_default="", editable=False)
    idempotency_key = models.CharField(max_length=LONGEST_KEY, null=True, blank=True, editable=False)
    request_hash = models.CharField(max_length=HASH_LENGTH, blank=True, editable=False)
    created_at = models.DateTimeField(pgettext_lazy("top-up", "begun at"))
    expires_at = models.DateTimeField(_("given up at"))
    updated_state_at = models.DateTimeField(_("state changed at"))
    next_look_at = models.DateTimeField(_("asked about next at"), null=True, blank=True)
    looks = models.PositiveSmallIntegerField(_("asked about so often"), default=0, db_default=0)
    receipt_mail_at = models.DateTimeField(_("receipt mailed at"), null=True, blank=True)

    objects = TopUpQuerySet.as_manager()

    class Meta:
        db_table = "top_up"
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        # Written by what the provider says alone.
        default_permissions = ("view",)
        permissions = [("settle_top_up", "Can have providers asked about top-ups")]
        constraints = [
            models.CheckConstraint(condition=one_of("state", TopUpState), name="top_up_state_known"),
            models.CheckConstraint(condition=one_of("purpose", Purpose), name="top_up_purpose_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="top_up_amount_positive"),
            models.CheckConstraint(
                condition=Q(state__in=CREDITED, entry__isnull=False) | (~Q(state__in=CREDITED) & Q(entry__isnull=True)),
                name="top_up_entry_once_credited",
            ),
            models.CheckConstraint(
                condition=Q(state="PARTLY_REFUNDED", refunded__gt=0, refunded__lt=F("amount"))
                | Q(state="REFUNDED", refunded=F("amount"))
                | (~Q(state__in=["PARTLY_REFUNDED", "REFUNDED"]) & Q(refunded=0)),
                name="top_up_refunded_of_its_state",
            ),
            models.CheckConstraint(
                condition=Q(purpose="BOOKING", reservations__len__gt=0)
                | Q(purpose="WALLET", reservations__len=0, outcome=""),
                name="top_up_reservations_of_a_booking",
            ),
            models.CheckConstraint(condition=Q(outcome__in=["", "PAID", "KEPT"]), name="top_up_outcome_known"),
            models.UniqueConstraint(
                fields=["provider", "provider_reference"],
                condition=Q(provider_reference__isnull=False),
                name="top_up_once_a_provider_reference",
            ),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"], condition=Q(idempotency_key__isnull=False), name="top_up_key_once"
            ),
            # Two clicks on "pay by card" are one.
            models.UniqueConstraint(
                fields=["user", "request_hash"],
                condition=Q(purpose="BOOKING", state__in=OPEN),
                name="top_up_one_open_a_booking",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="top_up_fan_newest"),
            # Of each provider by itself: one that is slow or away keeps nothing of the others' waiting.
            models.Index(
                fields=["provider", "next_look_at"], condition=Q(next_look_at__isnull=False), name="top_up_due"
            ),
            models.Index(fields=["id"], condition=Q(failure__in=TO_END_BY_HAND), name="top_up_to_end_by_hand"),
            models.Index(
                fields=["id"], condition=Q(state__in=CREDITED, receipt_mail_at__isnull=True), name="top_up_owed_receipt"
            ),
        ]
        triggers: ClassVar = [fsm_trigger("state", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} by {self.provider} ({self.state})"

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet how it ends."""
        return self.state in OPEN

    @property
    def is_stuck(self) -> bool:
        """Whether its provider has money that couldn't be credited, and staff are to end it."""
        return self.failure in TO_END_BY_HAND

    @property
    def is_credited(self) -> bool:
        """Whether its money is, or was, in the wallet."""
        return self.state in CREDITED

"""Withdrawals: money that goes from a wallet back to where it came from."""

from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.idempotency import HASH_LENGTH, LONGEST_KEY
from concert_site.lib.reasons import LONGEST_REASON
from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of
from wallet.models.ledger import BalanceHistory
from wallet.models.top_ups import TopUp


class WithdrawalState(models.TextChoices):
    PENDING = "PENDING", pgettext_lazy("withdrawal", "under way")
    SUCCEEDED = "SUCCEEDED", pgettext_lazy("withdrawal", "paid out")
    FAILED = "FAILED", pgettext_lazy("withdrawal", "failed, back in the wallet")


ENDED = (WithdrawalState.SUCCEEDED, WithdrawalState.FAILED)
TRANSITIONS = {
    WithdrawalState.PENDING: set(ENDED),
    # The fan's bank sends back, days later, what a provider has paid out.
    WithdrawalState.SUCCEEDED: {WithdrawalState.FAILED},
}


class WithdrawalQuerySet(StateQuerySet["Withdrawal"]):
    def of(self, *, user_id: int) -> "WithdrawalQuerySet":
        return self.filter(user_id=user_id)

    def open(self) -> "WithdrawalQuerySet":
        """Those of which nobody knows yet how they end."""
        return self.filter(state=WithdrawalState.PENDING)


class Withdrawal(models.Model):
    """A part of a top-up that goes back by the way it came: taken off the wallet before the provider is asked.

    `entry` took it off; `return_entry` put it back where the provider couldn't pay it out. `payment` is the one whose
    refund goes on by this, where it is one.
    """

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "state"

    top_up = models.ForeignKey(TopUp, models.PROTECT, related_name="withdrawals", verbose_name=_("top-up"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    amount = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=9, choices=WithdrawalState, default=WithdrawalState.PENDING)
    reference = models.CharField(_("our reference"), max_length=64, unique=True)
    provider_reference = models.CharField(_("the provider’s reference"), max_length=255, null=True, blank=True)
    failure = models.CharField(_("why not"), max_length=100, blank=True, db_default="")
    entry = models.OneToOneField(
        BalanceHistory, models.PROTECT, related_name="withdrawal", verbose_name=_("ledger entry")
    )
    return_entry = models.OneToOneField(
        BalanceHistory,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="returned_withdrawal",
        verbose_name=_("ledger entry of its return"),
    )
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("payment")
    )
    note = models.CharField(_("note"), max_length=LONGEST_REASON, blank=True, db_default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("by"),
    )
    idempotency_key = models.CharField(max_length=LONGEST_KEY, null=True, blank=True, editable=False)
    request_hash = models.CharField(max_length=HASH_LENGTH, null=True, blank=True, editable=False)
    created_at = models.DateTimeField(pgettext_lazy("withdrawal", "asked for at"))
    updated_state_at = models.DateTimeField(_("state changed at"))
    next_look_at = models.DateTimeField(_("asked about next at"), null=True, blank=True)
    looks = models.PositiveSmallIntegerField(_("asked about so often"), default=0, db_default=0)
    outcome_mail_at = models.DateTimeField(_("outcome mailed at"), null=True, blank=True)

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        db_table = "withdrawal"
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=one_of("state", WithdrawalState), name="withdrawal_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="withdrawal_amount_positive"),
            models.CheckConstraint(
                condition=Q(state="FAILED", return_entry__isnull=False)
                | (~Q(state="FAILED") & Q(return_entry__isnull=True)),
                name="withdrawal_returned_once_failed",
            ),
            models.CheckConstraint(
                condition=Q(outcome_mail_at__isnull=True) | Q(state__in=ENDED), name="withdrawal_mail_once_ended"
            ),
            models.UniqueConstraint(
                fields=["payment", "top_up"], condition=Q(payment__isnull=False), name="withdrawal_once_a_refund"
            ),
        ]
        indexes = [
            models.Index(
                fields=["provider_reference"],
                condition=Q(provider_reference__isnull=False),
                name="withdrawal_at_provider",
            ),
            models.Index(fields=["user", "-id"], name="withdrawal_fan_newest"),
            models.Index(fields=["next_look_at"], condition=Q(next_look_at__isnull=False), name="withdrawal_due"),
            # A request takes from several top-ups: a key stands on each of its rows.
            models.Index(
                fields=["user", "idempotency_key"], condition=Q(idempotency_key__isnull=False), name="withdrawal_key"
            ),
            models.Index(
                fields=["id"], condition=Q(state__in=ENDED, outcome_mail_at__isnull=True), name="withdrawal_owed_mail"
            ),
        ]
        triggers: ClassVar = [fsm_trigger("state", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.amount} of top-up {self.top_up_id} ({self.state})"


def sent_and_returned(made: Iterable[Withdrawal]) -> tuple[int, int]:
    """What of these has gone to cards or is on its way there, and what is back in the wallet, in minor units."""
    rows = list(made)
    returned = sum(each.amount for each in rows if each.state == WithdrawalState.FAILED)
    return sum(each.amount for each in rows) - returned, returned

"""A balance a fan, and the ledger that explains it."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.idempotency import HASH_LENGTH, LONGEST_KEY
from concert_site.lib.reasons import LONGEST_REASON
from concert_site.lib.states import all_or_none, one_of


class LedgerKind(models.TextChoices):
    CHARGE = "CHARGE", _("top-up")
    PAYMENT = "PAYMENT", _("payment")
    REFUND = "REFUND", _("refund")
    ADJUSTMENT = "ADJUSTMENT", _("adjustment")
    WITHDRAWAL = "WITHDRAWAL", _("withdrawal")


class Balance(models.Model):
    """What a fan has, in minor units. No row means 0."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("fan"))
    amount = models.BigIntegerField(_("amount"), default=0)
    last_updated_at = models.DateTimeField(_("last updated at"))

    class Meta:
        db_table = "balance"
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        # Balances and their entries are written by the ledger alone: staff may look, and adjust with a reason.
        default_permissions = ("view",)
        permissions = [("adjust_balance", "Can adjust a wallet")]
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="balance_not_below_zero")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.amount}"


class BalanceHistoryQuerySet(models.QuerySet["BalanceHistory"]):
    def of(self, *, user_id: int) -> "BalanceHistoryQuerySet":
        return self.filter(user_id=user_id)


class BalanceHistory(models.Model):
    """One change of a balance: `amount` is signed, `amount_after` is the balance it left."""

    balance = models.ForeignKey(Balance, models.PROTECT, db_index=False, verbose_name=_("balance"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    kind = models.CharField(_("kind"), max_length=10, choices=LedgerKind)
    amount = models.BigIntegerField(_("amount"))
    amount_after = models.BigIntegerField(_("balance after"))
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("payment")
    )
    idempotency_key = models.CharField(max_length=LONGEST_KEY, null=True, blank=True, editable=False)
    request_hash = models.CharField(max_length=HASH_LENGTH, null=True, blank=True, editable=False)
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
    created_at = models.DateTimeField(pgettext_lazy("ledger", "booked at"))
    updated_at = models.DateTimeField(_("updated at"))

    objects = BalanceHistoryQuerySet.as_manager()

    class Meta:
        db_table = "balance_history"
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=one_of("kind", LedgerKind), name="history_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="CHARGE", amount__gt=0)
                | Q(kind="PAYMENT", amount__lt=0)
                # A complimentary ticket takes nothing, and says who gave it and why.
                | (Q(kind="PAYMENT", amount=0, actor__isnull=False) & ~Q(note=""))
                | Q(kind="REFUND", amount__gte=0)
                # What a provider couldn't pay out comes back by an entry of the same kind.
                | (Q(kind__in=["ADJUSTMENT", "WITHDRAWAL"]) & ~Q(amount=0)),
                name="history_sign_of_its_kind",
            ),
            models.CheckConstraint(condition=Q(amount_after__gte=0), name="history_not_below_zero"),
            models.CheckConstraint(
                condition=Q(kind__in=["PAYMENT", "REFUND"], payment__isnull=False)
                | Q(kind__in=["CHARGE", "ADJUSTMENT", "WITHDRAWAL"], payment__isnull=True),
                name="history_payment_of_its_kind",
            ),
            models.CheckConstraint(
                condition=~Q(kind="ADJUSTMENT") | (Q(actor__isnull=False) & ~Q(note="")),
                name="history_adjustment_says_who_and_why",
            ),
            models.CheckConstraint(
                condition=all_or_none("idempotency_key", "request_hash"), name="history_key_with_its_request"
            ),
            models.UniqueConstraint(
                fields=["payment", "kind"], condition=Q(payment__isnull=False), name="history_payment_once_a_kind"
            ),
            models.UniqueConstraint(
                fields=["user", "kind", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="history_key_once_a_kind",
            ),
        ]
        indexes = [models.Index(fields=["user", "id"], name="history_fan_newest")]
        # A ledger is added to. A mistake is mended by another entry.
        triggers: ClassVar = [
            pgtrigger.Protect(name="ledger_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:+d}"

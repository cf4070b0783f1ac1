"""What was paid for a reservation."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from concert_site.lib.states import StateQuerySet, fsm_trigger, one_of
from reservations.models import Reservation


class State(models.TextChoices):
    COMPLETED = "COMPLETED", _("paid")
    CANCELED = "CANCELED", _("refunded")


TRANSITIONS = {State.COMPLETED: {State.CANCELED}}


class PaymentQuerySet(StateQuerySet["Payment"]):
    def of(self, *, user_id: int) -> "PaymentQuerySet":
        return self.filter(user_id=user_id)


class Payment(models.Model):
    """The payment of one reservation. `refund_fee` is what a refund kept back, in minor units."""

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "state"

    reservation = models.OneToOneField(Reservation, models.PROTECT, verbose_name=_("reservation"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    price = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.COMPLETED)
    refund_fee = models.BigIntegerField(_("refund fee"), null=True, blank=True)
    confirmed_mail_at = models.DateTimeField(_("confirmation mailed at"), null=True, blank=True)
    canceled_mail_at = models.DateTimeField(_("cancellation mailed at"), null=True, blank=True)
    created_at = models.DateTimeField(_("paid at"))
    updated_state_at = models.DateTimeField(_("state changed at"))

    objects = PaymentQuerySet.as_manager()

    class Meta:
        db_table = "payment"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        # Payments are written by paying and refunding alone: staff may look, and refund with a reason.
        default_permissions = ("view",)
        permissions = [
            ("refund_payment", "Can refund payments"),
            ("exchange_reservation", "Can exchange a paid seat for another"),
            ("sell_at_counter", "Can sell at the counter"),
            ("give_complimentary", "Can give complimentary tickets"),
        ]
        constraints = [
            models.CheckConstraint(condition=one_of("state", State), name="payment_state_known"),
            models.CheckConstraint(condition=Q(price__gt=0), name="payment_price_positive"),
            models.CheckConstraint(
                condition=Q(state="COMPLETED", refund_fee__isnull=True)
                | Q(state="CANCELED", refund_fee__isnull=False, refund_fee__gte=0, refund_fee__lte=F("price")),
                name="payment_fee_only_when_canceled",
            ),
            models.CheckConstraint(
                condition=Q(canceled_mail_at__isnull=True) | Q(state="CANCELED"),
                name="payment_cancel_mail_only_when_canceled",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="payment_fan_newest"),
            # What is owed a mail, oldest first: they hold what is still to be sent, and are next to empty.
            models.Index(
                fields=["id"],
                condition=Q(state="COMPLETED", confirmed_mail_at__isnull=True),
                name="payment_owed_confirmed_mail",
            ),
            models.Index(
                fields=["id"],
                condition=Q(state="CANCELED", canceled_mail_at__isnull=True),
                name="payment_owed_canceled_mail",
            ),
        ]
        triggers: ClassVar = [fsm_trigger("state", TRANSITIONS)]

    def __str__(self) -> str:
        return f"{self.price} for reservation {self.reservation_id} ({self.state})"

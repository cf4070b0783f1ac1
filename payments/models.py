"""What was paid for a reservation, what passed the counter, and who refunds a whole date on which terms."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.idempotency import HASH_LENGTH, LONGEST_KEY
from concert_site.lib.reasons import LONGEST_REASON
from concert_site.lib.states import StateQuerySet, all_or_none, fsm_trigger, one_of
from reservations.models import ConcertSchedule, Reservation
from wallet.models import BalanceHistory


class PaymentState(models.TextChoices):
    COMPLETED = "COMPLETED", _("paid")
    CANCELED = "CANCELED", _("refunded")


TRANSITIONS = {PaymentState.COMPLETED: {PaymentState.CANCELED}}


class PaymentQuerySet(StateQuerySet["Payment"]):
    def of(self, *, user_id: int) -> "PaymentQuerySet":
        return self.filter(user_id=user_id)

    def with_tickets(self) -> "PaymentQuerySet":
        """Those whose tickets open the door: what is paid, of dates that were not canceled."""
        return self.filter(state=PaymentState.COMPLETED, reservation__concert_schedule__canceled_at=None)


class Payment(models.Model):
    """The payment of one reservation. `refund_fee` is what a refund kept back, in minor units."""

    TRANSITIONS: ClassVar = TRANSITIONS
    STATE_FIELD: ClassVar = "state"

    reservation = models.OneToOneField(Reservation, models.PROTECT, verbose_name=_("reservation"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    price = models.BigIntegerField(_("amount"))
    complimentary = models.BooleanField(_("complimentary"), default=False, db_default=False)
    state = models.CharField(_("state"), max_length=9, choices=PaymentState, default=PaymentState.COMPLETED)
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
            models.CheckConstraint(condition=one_of("state", PaymentState), name="payment_state_known"),
            # What costs nothing is a complimentary ticket, and nothing else is.
            models.CheckConstraint(
                condition=Q(price__gt=0, complimentary=False) | Q(price=0, complimentary=True),
                name="payment_price_positive",
            ),
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

    @property
    def has_ticket(self) -> bool:
        """The same as `with_tickets` asks."""
        is_played = self.reservation.concert_schedule.canceled_at is None
        return self.state == PaymentState.COMPLETED and is_played

    @property
    def refunded(self) -> int:
        """What went back of it, in minor units; nothing while it is paid."""
        return 0 if self.refund_fee is None else self.price - self.refund_fee

    @property
    def became(self) -> str:
        """EXCHANGE or HANDOVER, if it was refunded for that alone; else blank. Read along with a reservation."""
        rebooking: Rebooking | None = getattr(self, "rebooked_as", None)
        return rebooking.kind if rebooking else ""


class RefundTo(models.TextChoices):
    """Where a refund goes."""

    WALLET = "wallet", pgettext_lazy("refund", "to the wallet")
    CARD = "card", pgettext_lazy("refund", "to the card it came from")


class RefundRun(models.Model):
    """Somebody refunds all of a date, on these terms; `fee` is in minor units, of each seat.

    One at a time: two on different terms would charge fans at random. It is over once nothing is left, or somebody
    ended it.

    That of a date that was canceled is done in the background, and nobody ends it. `paid`, `amount` and `held` are how
    many tickets of what price (minor units) and how many holds there were as it began; `refused` names the reservations
    whose refund failed, each with why. A worker at work has it `leased_until`; once that is over, another goes on.
    What it has done is what payments say.
    """

    concert_schedule = models.ForeignKey(ConcertSchedule, models.PROTECT, verbose_name=_("schedule"))
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), related_name="+")
    fee = models.BigIntegerField(_("fee"))
    refund_to = models.CharField(_("refund to"), max_length=6, choices=RefundTo)
    note = models.CharField(_("reason"), max_length=LONGEST_REASON)
    created_at = models.DateTimeField(_("begun at"), db_default=Now())
    last_round_at = models.DateTimeField(_("last round at"), db_default=Now())
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    is_cancellation = models.BooleanField(_("date canceled"), default=False, db_default=False)
    paid = models.PositiveIntegerField(_("tickets"), default=0, db_default=0)
    amount = models.BigIntegerField(_("amount"), default=0, db_default=0)
    held = models.PositiveIntegerField(_("holds"), default=0, db_default=0)
    refused = models.JSONField(_("not refunded"), default=dict, blank=True)
    leased_until = models.DateTimeField(_("leased until"), null=True, blank=True)

    class Meta:
        db_table = "refund_run"
        verbose_name = _("refund run")
        verbose_name_plural = _("refund runs")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["concert_schedule"], condition=Q(ended_at__isnull=True), name="refund_run_one_at_a_time"
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="refund_run_fee_not_negative"),
            models.CheckConstraint(condition=one_of("refund_to", RefundTo), name="refund_run_refund_to_known"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_run_amount_not_negative"),
            models.CheckConstraint(
                condition=Q(is_cancellation=False) | Q(fee=0), name="refund_run_canceled_costs_nothing"
            ),
            models.UniqueConstraint(
                fields=["concert_schedule"], condition=Q(is_cancellation=True), name="refund_run_one_cancellation"
            ),
        ]

    def __str__(self) -> str:
        return f"refund run of schedule {self.concert_schedule_id}, fee {self.fee}"


class TillMethod(models.TextChoices):
    CASH = "CASH", _("cash")
    TERMINAL = "TERMINAL", _("card terminal")
    COMPLIMENTARY = "COMPLIMENTARY", _("complimentary")


class TillKind(models.TextChoices):
    SALE = "SALE", _("sale")
    REFUND = "REFUND", _("refund")


class TillEntry(models.Model):
    """What passed the counter for one booking: `amount` (minor units) is positive in, negative out, 0 for nothing.

    Money stands in the fan's ledger too, as the adjustment `entry`; a sale of several bookings shares one `sale`.
    """

    sale = models.UUIDField(_("sale"), editable=False)
    kind = models.CharField(_("kind"), max_length=6, choices=TillKind)
    method = models.CharField(_("paid by"), max_length=13, choices=TillMethod)
    amount = models.BigIntegerField(_("amount"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    concert_schedule = models.ForeignKey(ConcertSchedule, models.PROTECT, db_index=False, verbose_name=_("schedule"))
    booking_reference = models.CharField(_("reference"), max_length=12)
    entry = models.OneToOneField(
        BalanceHistory, models.PROTECT, null=True, blank=True, verbose_name=_("ledger entry"), related_name="till_entry"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, related_name="+", verbose_name=_("by")
    )
    seats = models.PositiveIntegerField(_("seats"))
    tendered = models.BigIntegerField(_("amount taken"), null=True, blank=True)
    terminal_reference = models.CharField(_("terminal reference"), max_length=100, blank=True, db_default="")
    mail_to = models.EmailField(_("tickets mailed to"), blank=True, db_default="")
    note = models.CharField(_("note"), max_length=LONGEST_REASON, blank=True, db_default="")
    idempotency_key = models.CharField(max_length=LONGEST_KEY, null=True, blank=True, editable=False)
    request_hash = models.CharField(max_length=HASH_LENGTH, null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("booked at"))

    class Meta:
        db_table = "till_entry"
        verbose_name = _("till entry")
        verbose_name_plural = _("till")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=one_of("kind", TillKind), name="till_kind_known"),
            models.CheckConstraint(condition=one_of("method", TillMethod), name="till_method_known"),
            models.CheckConstraint(
                condition=Q(method="COMPLIMENTARY", amount=0, entry__isnull=True)
                | (
                    Q(method__in=["CASH", "TERMINAL"], entry__isnull=False)
                    & (Q(kind="SALE", amount__gt=0) | Q(kind="REFUND", amount__lt=0))
                ),
                name="till_amount_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(tendered__isnull=True) | Q(method="CASH", kind="SALE", tendered__gte=F("amount")),
                name="till_tendered_is_enough",
            ),
            models.CheckConstraint(
                condition=Q(terminal_reference="") | Q(method="TERMINAL"), name="till_reference_of_a_terminal"
            ),
            models.CheckConstraint(
                condition=(Q(kind="SALE") & ~Q(method="COMPLIMENTARY")) | ~Q(note=""),
                name="till_gift_or_refund_says_why",
            ),
            models.CheckConstraint(
                condition=all_or_none("idempotency_key", "request_hash"), name="till_key_with_its_request"
            ),
            models.UniqueConstraint(
                fields=["actor", "idempotency_key"], condition=Q(idempotency_key__isnull=False), name="till_key_once"
            ),
        ]
        indexes = [
            models.Index(fields=["sale"], name="till_sale"),
            models.Index(fields=["created_at", "actor"], name="till_day"),
            models.Index(fields=["booking_reference"], name="till_booking"),
        ]
        # A till is added to, as a ledger is; where tickets were mailed may be forgotten.
        triggers: ClassVar = [
            pgtrigger.Protect(name="till_is_not_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="till_is_append_only", exclude=["mail_to"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.method} {self.amount:+d} ({self.booking_reference})"


class RebookingKind(models.TextChoices):
    EXCHANGE = "EXCHANGE", _("exchanged")
    HANDOVER = "HANDOVER", _("handed over")


class Rebooking(models.Model):
    """A paid seat that became another seat, or another fan's: the payment that was refunded, and that in its place."""

    kind = models.CharField(_("kind"), max_length=8, choices=RebookingKind)
    old_payment = models.OneToOneField(Payment, models.PROTECT, related_name="rebooked_as", verbose_name=_("before"))
    new_payment = models.OneToOneField(Payment, models.PROTECT, related_name="rebooked_from", verbose_name=_("after"))
    note = models.CharField(_("reason"), max_length=LONGEST_REASON)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("done at"))

    class Meta:
        db_table = "rebooking"
        verbose_name = _("rebooking")
        verbose_name_plural = _("rebookings")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=one_of("kind", RebookingKind), name="rebooking_kind_known"),
            models.CheckConstraint(condition=~Q(note=""), name="rebooking_says_why"),
            models.CheckConstraint(condition=~Q(old_payment=F("new_payment")), name="rebooking_of_two_payments"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="rebooking_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.kind}: payment {self.old_payment_id} became {self.new_payment_id}"

"""The pages on which staff refund one reservation, or the payments they chose.

Each of them calls the domain seat by seat, each seat a transaction of its own. The log is written after it: should
a process die in between, the ledger still says who refunded, and why.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from concert_site.approvals.redirects import leading_to_approval
from concert_site.lib.admin import fields
from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import requires
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import money
from concert_site.lib.id_ranges import parse_ranges
from payments.domain.approved_refunds import MAY_REFUND
from payments.domain.card_refunds import Refunded, refund_by_staff
from payments.domain.ceilings import require_for_selected
from payments.models import Payment, PaymentState, RefundTo
from reservations.domain import cancellation
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus
from reservations.queries.bookings import with_date
from wallet.models import Withdrawal, sent_and_returned

# As many as a page of the list shows, and some: they are refunded in one request.
MOST_SELECTED = 100


def refund_to_field(*, required: bool) -> forms.ChoiceField:
    return fields.ChoiceField(
        label=_("Refund to"),
        choices=RefundTo.choices,
        initial=lambda: settings.REFUND_TO,
        required=required,
        help_text=_(
            "What was paid by card goes back to the card. The rest, and what a closed card rejects, goes to the wallet."
        ),
    )


class RefundForm(forms.Form):
    """What a refund keeps, for each seat, and why it is made."""

    fee = fields.MoneyField(label=_("Fee"), min_value=0, initial=0, help_text=_("Kept from the price of each seat."))
    note = fields.ReasonField(help_text=_("The fan sees it in their ledger."))
    refund_to = refund_to_field(required=False)

    def clean_refund_to(self) -> RefundTo:
        """What was chosen; what the house prefers, if nothing was."""
        return RefundTo(self.cleaned_data["refund_to"] or settings.REFUND_TO)

    def terms(self) -> Any:  # Any: each of its own type
        return {name: self.cleaned_data[name] for name in ("fee", "note", "refund_to")}


def payments_url(request: HttpRequest) -> str:
    """Where to go from here: to the payments, for who may see them."""
    return reverse(
        "admin:payments_payment_changelist" if request.user.has_perm("payments.view_payment") else "admin:index"
    )


# --- One ---------------------------------------------------------------------------------------


@requires(MAY_REFUND)
@leading_to_approval
def refund_one(admin: ReadOnlyAdmin, request: HttpRequest, reservation_id: int) -> HttpResponse:
    found = Reservation.objects.filter(pk=reservation_id).as_read()
    reservation = get_object_or_404(with_date(found.select_related("user", "concert_seat")))
    if reservation.status != ReservationStatus.RESERVED:
        messages.info(request, _("This reservation isn’t paid, or was refunded already."))
        return redirect(payments_url(request))
    form = RefundForm(request.POST or None)
    if is_refunded(admin, request, reservation, form):
        return redirect(payments_url(request))
    context = {"reservation": reservation, "quote": cancellation.quote_of(reservation), "back": payments_url(request)}
    title = _("Refund a reservation")
    return admin.page(request, "admin/payments/refund.html", title=title, form=form, submit=_("Refund"), **context)


def is_refunded(admin: ReadOnlyAdmin, request: HttpRequest, reservation: Reservation, form: RefundForm) -> bool:
    """Refund what a valid form says; if it is refused, say so at its field."""
    done = submit_to_domain(
        form, lambda: refund_by_staff(reservation_id=reservation.pk, actor_id=actor_of(request), **form.terms())
    )
    if done is None:
        return False
    if done.is_new:
        fee = form.cleaned_data["fee"]
        log(admin, request, Payment.objects.get(reservation=reservation), fee, form.cleaned_data["note"])
        report_refund(request, reservation.user.email, reservation.price - fee, done)
    else:
        messages.info(request, _("Already refunded by the fan or a colleague. Nothing was changed."))
    return True


def report_refund(request: HttpRequest, fan: str, amount: int, done: Refunded) -> None:
    """What of a refund is on its way to the card, and what is in the wallet."""
    sent, returned = sent_and_returned(done.withdrawals)
    if sent:
        messages.success(request, _("%(amount)s goes to the card of %(fan)s.") % {"amount": money(sent), "fan": fan})
    if amount - sent - returned or not done.withdrawals:
        kept = {"amount": money(amount - sent - returned), "fan": fan}
        messages.success(request, _("%(amount)s went back to the wallet of %(fan)s.") % kept)
    if returned:
        back = {"amount": money(returned), "fan": fan}
        messages.warning(request, _("The card of %(fan)s was declined: %(amount)s went to the wallet.") % back)


def log(admin: ReadOnlyAdmin, request: HttpRequest, payment: Payment, fee: int, note: str) -> None:
    said = {"amount": money(payment.price - fee), "fee": money(fee), "note": note}
    admin.log_change(request, payment, str(_("Refunded %(amount)s, fee %(fee)s: %(note)s") % said))


# --- Those that were chosen --------------------------------------------------------------------


@requires(MAY_REFUND)
@leading_to_approval
def refund_selected(admin: ReadOnlyAdmin, request: HttpRequest) -> HttpResponse:
    """Refund the payments that were ticked in the list."""
    ids = parse_ranges(request.GET.get("ids", "")) or []
    if not 0 < len(ids) <= MOST_SELECTED:
        why = _("Choose up to %(most)d payments. To refund a whole date, use its own page.")
        messages.error(request, why % {"most": MOST_SELECTED})
        return redirect(payments_url(request))
    payments = Payment.objects.filter(pk__in=ids, state=PaymentState.COMPLETED).order_by("pk")
    form = RefundForm(request.POST or None)
    if form.is_valid():
        refund_each(admin, request, payments, form)
        return redirect(payments_url(request))
    shown = list(payments.select_related("user", "reservation__concert_seat"))
    context = {"payments": shown, "skipped": len(ids) - len(shown), "total": sum(payment.price for payment in shown)}
    context |= {"form": form if shown else None, "submit": _("Refund all of them"), "back": payments_url(request)}
    return admin.page(
        request, "admin/payments/refund_selected.html", title=_("Refund the selected payments"), **context
    )


def refund_each(admin: ReadOnlyAdmin, request: HttpRequest, payments: QuerySet[Payment], form: RefundForm) -> None:
    """Refund them one by one. A fee above a price takes all of that one.

    :raises ApprovalRequired: if together they are more than this member of staff may refund alone
    """
    terms, actor_id = form.terms(), actor_of(request)
    fees = dict.fromkeys(payments.values_list("reservation_id", flat=True), terms["fee"])
    require_for_selected(fees, note=terms["note"], actor_id=actor_id, refund_to=terms["refund_to"])
    refunded = 0
    made: list[Withdrawal] = []
    for payment in payments.select_related("user"):
        fee = min(terms["fee"], payment.price)
        try:
            done = refund_by_staff(reservation_id=payment.reservation_id, actor_id=actor_id, **terms | {"fee": fee})
        except DomainError as error:
            messages.error(request, f"{payment.user.email}: {error.detail}")
            continue
        if done.is_new:
            log(admin, request, payment, fee, terms["note"])
            refunded += 1
            made += done.withdrawals
    said = ngettext("%(count)d seat was refunded.", "%(count)d seats were refunded.", refunded)
    messages.success(request, said % {"count": refunded})
    report_cards(request, *sent_and_returned(made))


def report_cards(request: HttpRequest, sent: int, returned: int) -> None:
    """What of several refunds goes to cards, and what these didn't take."""
    if sent:
        messages.success(request, _("%(amount)s of it goes to cards.") % {"amount": money(sent)})
    if returned:
        said = _("Declined by cards and refunded to wallets: %(amount)s.")
        messages.warning(request, said % {"amount": money(returned)})

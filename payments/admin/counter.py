"""The counter's pages: sell chosen seats, take money for what a fan holds, and what became of a sale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminRadioSelectWidget

from concert_site.accounts.models import User
from concert_site.accounts.walk_ins import LONGEST_NAME, is_walk_in
from concert_site.approvals.redirects import leading_to_approval
from concert_site.lib.admin import fields
from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of, add_domain_error
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import requires
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import money
from concert_site.lib.id_ranges import format_ranges, parse_ranges
from concert_site.lib.idempotency import IdempotencyKeyReused
from payments.domain import counter, counter_refunds
from payments.domain.approved_counter import MAY_GIVE
from payments.domain.approved_refunds import MAY_REFUND
from payments.domain.counter_orders import LONGEST_REFERENCE, MOST_SEATS, Buyer, PaymentOrder, SaleOrder, Tender
from payments.models import Payment, TillMethod
from payments.queries.till import SaleSummary, sale_summary
from reservations.halls.seat_names import seat_name
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.models.reservation import is_held_at
from reservations.tickets.codes import Ticket, ticket_of

MAY_SELL = "payments.sell_at_counter"
MONEY_METHODS = [choice for choice in TillMethod.choices if choice[0] != TillMethod.COMPLIMENTARY]
GIFT = (TillMethod.COMPLIMENTARY.value, TillMethod.COMPLIMENTARY.label)


class TenderForm(forms.Form):
    """How it is paid. The hidden key makes sending the form twice the same as once."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    agreed = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    method = forms.ChoiceField(label=_("Paid by"), widget=UnfoldAdminRadioSelectWidget, choices=MONEY_METHODS)
    tendered = fields.MoneyField(
        label=_("Cash taken"), required=False, min_value=0, help_text=_("For cash. Left empty: exactly the total.")
    )
    terminal_reference = fields.CharField(
        label=_("Terminal’s reference"),
        required=False,
        max_length=LONGEST_REFERENCE,
        help_text=_("For a card: the number on the terminal’s slip."),
    )

    def tender(self) -> Tender:
        """What a valid form says; what belongs to another way of paying is left out."""
        method = TillMethod(self.cleaned_data["method"])
        return Tender(
            method,
            tendered=self.cleaned_data["tendered"] if method == TillMethod.CASH else None,
            terminal_reference=self.cleaned_data["terminal_reference"] if method == TillMethod.TERMINAL else "",
        )


class SaleForm(TenderForm):
    """To whom seats are sold, and how they are paid."""

    seats = forms.CharField(widget=forms.HiddenInput)
    email = fields.EmailField(
        label=_("Fan’s account"),
        required=False,
        help_text=_("The e-mail address of the fan’s account. Left empty: a walk-in without an account."),
    )
    name = fields.CharField(
        label=_("Name"),
        required=False,
        max_length=LONGEST_NAME,
        help_text=_("Of a walk-in, if they say it. It stands on the tickets."),
    )
    mail_to = fields.EmailField(
        label=_("Mail the tickets to"),
        required=False,
        help_text=_("Of a walk-in. Left empty: the tickets are printed. An account gets its mail anyway."),
    )
    note = fields.ReasonField(label=_("Reason"), required=False, help_text=_("Needed for complimentary tickets."))
    named = forms.BooleanField(
        label=_("Take seats out of their named hold"),
        required=False,
        help_text=_("Some of these seats are kept for somebody."),
    )
    field_order = ("email", "name", "mail_to", "method", "tendered", "terminal_reference", "note", "named")

    def __init__(self, *args: Any, user: Any, has_named: bool, **kept: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **kept)
        may_sell, may_give = user.has_perm(MAY_SELL), user.has_perm(MAY_GIVE)
        self.fields["method"].choices = (MONEY_METHODS if may_sell else []) + ([GIFT] if may_give else [])  # type: ignore[attr-defined]  # a ChoiceField
        if not may_give:
            del self.fields["note"]
        if not has_named or not user.has_perm("reservations.manage_blocks"):
            del self.fields["named"]

    def clean_email(self) -> User | None:
        """The account of this address, if one was named."""
        email = self.cleaned_data["email"]
        if not email:
            return None
        fan = User.objects.of_address(email)
        if fan is None or not fan.is_active:
            raise forms.ValidationError(_("There is no account with this address, or it is closed."))
        return fan


@dataclass(frozen=True, slots=True)
class SeatsToSell:
    """The seats that a clerk chose, as they are now; so many of them are in a named hold."""

    schedule: ConcertSchedule
    seats: Sequence[ConcertSeat]
    named: int

    @property
    def total(self) -> int:
        return sum(seat.seat_price for seat in self.seats)


# --- Selling -----------------------------------------------------------------------------------


@requires(MAY_SELL, MAY_GIVE)
@leading_to_approval
def sell(admin: ReadOnlyAdmin, request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Ask whom the chosen seats are sold to and how they are paid; then sell them, once for each page."""
    schedule = schedule_of(schedule_id)
    ids = parse_ranges(
        ",".join(request.POST.getlist("seats") + request.POST.getlist("seat")) or request.GET.get("seats", "")
    )
    if not ids or len(ids) > MOST_SEATS:
        messages.error(request, _("Choose up to %(most)d seats on the map first.") % {"most": MOST_SEATS})
        return redirect(back_url(request, schedule_id))
    chosen = chosen_of(schedule, ids)
    is_sent = request.method == "POST" and "key" in request.POST
    initial = {"key": uuid4(), "agreed": chosen.total, "seats": format_ranges(ids), "method": TillMethod.CASH}
    form = SaleForm(request.POST if is_sent else None, initial=initial, user=request.user, has_named=chosen.named > 0)
    if form.is_valid():
        done = try_to_sell(request, schedule, ids, form)
        if done is not None:
            return redirect("admin:payments_counter_sale", done.sale)
    context = {"chosen": chosen, "form": form, "submit": _("Sell"), "back": back_url(request, schedule_id)}
    return admin.page(request, "admin/payments/counter.html", title=_("Sell at the counter"), **context)


def schedule_of(schedule_id: int) -> ConcertSchedule:
    found = ConcertSchedule.objects.filter(pk=schedule_id).select_related("concert__venue").defer("layout", "draw_seed")
    return get_object_or_404(found)


def back_url(request: HttpRequest, schedule_id: int) -> str:
    """The hall of a date, for who may see it."""
    if request.user.has_perm("reservations.view_concertseat"):
        return reverse("admin:reservations_concertschedule_hall", args=[schedule_id])
    return reverse("admin:index")


def chosen_of(schedule: ConcertSchedule, ids: Sequence[int]) -> SeatsToSell:
    """The chosen seats of a date; what isn't of it is left out here, and refused when it is sold."""
    seats = list(ConcertSeat.objects.of_schedule(schedule.pk).filter(pk__in=ids))
    named = ConcertSeat.objects.filter(
        pk__in=[seat.pk for seat in seats], named_holds__outcome=None, named_holds__isnull=False
    )
    return SeatsToSell(schedule, seats, named.count())


def try_to_sell(
    request: HttpRequest, schedule: ConcertSchedule, ids: Sequence[int], form: SaleForm
) -> counter.CounterSale | None:
    """Sell what a valid form says; if it is refused, say so at its field, and what it costs now."""
    said, tender = form.cleaned_data, form.tender()
    fan: User | None = said["email"]
    order = SaleOrder(
        schedule_id=schedule.pk,
        seat_ids=ids,
        buyer=Buyer(user_id=fan.pk) if fan else Buyer(name=said["name"], mail_to=said["mail_to"]),
        tender=tender,
        agreed=0 if tender.method == TillMethod.COMPLIMENTARY else said["agreed"],
        actor_id=actor_of(request),
        idempotency_key=str(said["key"]),
        note=said.get("note", "") if tender.method == TillMethod.COMPLIMENTARY else "",
        from_named_holds=bool(said.get("named")),
    )
    try:
        return counter.sell(order)
    except IdempotencyKeyReused:
        again(form, request)
    except DomainError as error:
        add_domain_error(form, named_error(error, ids))
        with_hidden_fields(form, request, agreed=chosen_of(schedule, ids).total)
    return None


def named_error(error: DomainError, ids: Sequence[int]) -> DomainError:
    """The same with the seats that it is about by their names."""
    if error.attr == "seats" and error.items:
        at_fault = ConcertSeat.objects.filter(pk__in=[ids[item] for item in error.items]).order_by("pk")
        return DomainError(f"{error.detail} {', '.join(map(seat_name, at_fault[:10]))}")
    return error


def again(form: TenderForm, request: HttpRequest) -> None:
    """Somebody went back in the browser and changed the form: whether both are meant, only they know."""
    form.add_error(None, _("This form was already sent with different content. Look at the till first."))
    with_hidden_fields(form, request, key=uuid4())


def with_hidden_fields(form: TenderForm, request: HttpRequest, **hidden: object) -> None:
    """Show a form once more, with these hidden fields as they are now."""
    form.data = request.POST.dict() | {name: str(value) for name, value in hidden.items()}


# --- Money for what is held --------------------------------------------------------------------


@requires(MAY_SELL)
def take_payment(admin: ReadOnlyAdmin, request: HttpRequest, reference: str) -> HttpResponse:
    """Take cash or a card for what a fan still holds of a booking."""
    booked = (
        Reservation.objects.filter(booking_reference=reference).select_related("user", "concert_seat").order_by("pk")
    )
    held = list(booked.filter(is_held_at()))
    if not held:
        if not booked.exists():
            raise Http404
        messages.warning(request, _("Nothing of this booking waits for its payment."))
        return redirect("admin:index")
    total = sum(each.price for each in held)
    form = TenderForm(request.POST or None, initial={"key": uuid4(), "agreed": total, "method": TillMethod.CASH})
    if form.is_valid():
        done = try_to_take(request, reference, form, total)
        if done is not None:
            return redirect("admin:payments_counter_sale", done.sale)
    context = {"held": held, "total": total, "form": form, "submit": _("Take payment"), "back": reverse("admin:index")}
    return admin.page(request, "admin/payments/take_payment.html", title=_("Take payment"), **context)


def try_to_take(request: HttpRequest, reference: str, form: TenderForm, total: int) -> counter.CounterSale | None:
    """Take what a valid form says; if it is refused, say so at its field."""
    said = form.cleaned_data
    order = PaymentOrder(reference, form.tender(), said["agreed"], actor_of(request), str(said["key"]))
    try:
        return counter.take_payment(order)
    except IdempotencyKeyReused:
        again(form, request)
    except DomainError as error:
        add_domain_error(form, error)
        with_hidden_fields(form, request, agreed=total)
    return None


# --- A sale ------------------------------------------------------------------------------------


class UndoForm(forms.Form):
    """Which tickets are given back, and why."""

    tickets = forms.MultipleChoiceField(
        label=_("Tickets"), widget=forms.CheckboxSelectMultiple(attrs={"class": "flex flex-col gap-2"})
    )
    note = fields.ReasonField(help_text=_("The fan sees it in their ledger."))

    def __init__(self, *args: Any, live: Sequence[Payment], **kept: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **kept)
        self.fields["tickets"].choices = [(each.reservation_id, ticket_line(each)) for each in live]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["tickets"].initial = [each.reservation_id for each in live]


def ticket_line(payment: Payment) -> str:
    price = _("complimentary") if payment.complimentary else money(payment.price)
    return f"{seat_name(payment.reservation.concert_seat)} · {price}"


def summary_of(sale: UUID) -> SaleSummary:
    found = sale_summary(sale)
    if found is None:
        raise Http404
    return found


@requires(MAY_SELL, MAY_GIVE, MAY_REFUND)
def show_sale(admin: ReadOnlyAdmin, request: HttpRequest, sale: UUID) -> HttpResponse:
    found = summary_of(sale)
    context = {
        "sale": found,
        "is_walk_in": is_walk_in(found.first.user),
        "again": back_url(request, found.first.concert_schedule_id),
        "title": _("Sold"),
    }
    return admin.page(request, "admin/payments/counter_sale.html", **context)


@requires(MAY_SELL, MAY_GIVE)
def print_sale(admin: ReadOnlyAdmin, request: HttpRequest, sale: UUID) -> HttpResponse:
    """The tickets of a sale, for the printer: those that still open the door."""
    found = summary_of(sale)
    tickets = [PrintedTicket(each, ticket_of(each.reservation, payment_id=each.pk)) for each in found.with_tickets]
    return admin.page(request, "admin/payments/print_tickets.html", title=_("Tickets"), sale=found, tickets=tickets)


@dataclass(frozen=True, slots=True)
class PrintedTicket:
    """A ticket on paper; its code is part of the page."""

    payment: Payment
    ticket: Ticket


@requires(MAY_SELL, MAY_REFUND)
@leading_to_approval
def undo_sale(admin: ReadOnlyAdmin, request: HttpRequest, sale: UUID) -> HttpResponse:
    found = summary_of(sale)
    live = found.live
    form = UndoForm(request.POST or None, live=live)
    if is_undone(request, found, form):
        return redirect("admin:payments_counter_sale", sale)
    back = reverse("admin:payments_counter_sale", args=[sale])
    context = {"sale": found, "form": form if live else None, "submit": _("Refund"), "back": back}
    return admin.page(request, "admin/payments/undo_sale.html", title=_("Refund a sale of the counter"), **context)


def is_undone(request: HttpRequest, found: SaleSummary, form: UndoForm) -> bool:
    """Undo what a valid form says; if it is refused, say so."""
    done = submit_to_domain(
        form,
        lambda: counter_refunds.undo(
            sale=found.sale,
            reservation_ids=[int(each) for each in form.cleaned_data["tickets"]],
            actor_id=actor_of(request),
            note=form.cleaned_data["note"],
            may_refund=request.user.has_perm(MAY_REFUND),
        ),
    )
    if done is None:
        return False
    said = ngettext("%(count)d ticket was taken back.", "%(count)d tickets were taken back.", done.tickets)
    messages.success(request, said % {"count": done.tickets})
    if done.method == TillMethod.CASH:
        messages.warning(request, _("Hand out %(amount)s in cash.") % {"amount": money(done.amount)})
    elif done.method == TillMethod.TERMINAL:
        messages.warning(request, _("Refund %(amount)s on the card terminal.") % {"amount": money(done.amount)})
    if done.kept:
        kept = {"amount": money(done.kept), "fan": found.first.user.email}
        messages.warning(request, _("%(amount)s went back to the wallet of %(fan)s.") % kept)
    return True

"""What staff do for a fan on a booking: each a page that says what it does, with a reason, and does it once."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminTextInputWidget

from concert_site.accounts.models import User
from concert_site.approvals.errors import ApprovalRequired
from concert_site.approvals.redirects import to_approval
from concert_site.back_office.pages import page, staff_page
from concert_site.lib.admin import fields
from concert_site.lib.admin.base import actor_of
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import money, signed_money
from concert_site.lib.web.converters import id_in
from payments.domain import rebooking, ticket_mails
from payments.domain.approved_counter import MAY_EXCHANGE, MAY_SERVE
from payments.queries import payment_of
from reservations.domain import holds, staff_notes
from reservations.halls.seat_names import seat_name
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.models.concert import IS_CANCELED, IS_TO_COME
from reservations.models.seat import IS_FREE
from reservations.queries.booking_summaries import BookedSeat, BookingSummary
from reservations.queries.help_desk import booking_of
from wallet.domain.ledger import LARGEST_BALANCE
from wallet.queries import wallet_of

MAY_RELEASE = "reservations.change_reservation"
MOST_FREE = 60


class DeskStepForm(forms.Form):
    """Why; the hidden key makes a click that comes twice the same as one."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    note = fields.ReasonField()


class HandOverForm(DeskStepForm):
    receiver = forms.EmailField(label=gettext_lazy("To the account"), widget=UnfoldAdminTextInputWidget)
    # Whom the summary named: another address asks again.
    sure = forms.IntegerField(widget=forms.HiddenInput, required=False)


class ExchangeForm(DeskStepForm):
    # The difference that was shown.
    agreed = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=-LARGEST_BALANCE, max_value=LARGEST_BALANCE
    )


def log(request: HttpRequest, reservation: Reservation, said: str) -> None:
    LogEntry.objects.log_actions(actor_of(request), [reservation], CHANGE, said, single_object=True)


def step_page(
    request: HttpRequest,
    booking: BookingSummary,
    form: forms.Form,
    *,
    title: str,
    submit: str,
    effects: list[str],
    do: Callable[[], str | None],
) -> HttpResponse:
    """The page of a step: what it does, its form, and where it goes once done; None of `do` asks once more."""
    back = reverse("admin:booking", args=[booking.reference])
    try:
        said = submit_to_domain(form, do)
    except ApprovalRequired as waits:
        return to_approval(request, waits)
    if said is not None:
        messages.success(request, said)
        return redirect(back)
    facts = {"form": form, "effects": effects, "submit": submit, "back": back}
    return page(request, "desk/step.html", title=title, **facts)


def form_of(request: HttpRequest, kind: type[DeskStepForm] = DeskStepForm, **initial: object) -> DeskStepForm:
    return kind(request.POST or None, initial={"key": uuid4()} | initial)


@staff_page(MAY_SERVE)
def extend(request: HttpRequest, reference: str) -> HttpResponse:
    booking, form = booking_of(reference), form_of(request)

    def do() -> str:
        given = form.cleaned_data
        count = staff_notes.extend_by_staff(
            reference=reference, actor_id=actor_of(request), note=given["note"], key=given["key"]
        )
        if count:
            log(request, booking.first, _("Gave more time to pay: %(note)s") % given)
        return _("There is more time to pay.")

    effects = [ngettext("%d held seat is kept longer.", "%d held seats are kept longer.", len(booking.held))]
    effects = [each % len(booking.held) for each in effects] + [_("Staff can do this once a booking.")]
    return step_page(request, booking, form, title=_("More time to pay"), submit=_("Extend"), effects=effects, do=do)


@staff_page(MAY_RELEASE)
def release(request: HttpRequest, reference: str) -> HttpResponse:
    booking, form = booking_of(reference), form_of(request)

    def do() -> str:
        count = 0
        for booked in booking.held:
            if holds.release_hold(reservation_id=booked.reservation.pk):
                count += 1
                log(request, booked.reservation, _("Released the hold: %(note)s") % form.cleaned_data)
        return ngettext("%d hold released.", "%d holds released.", count) % count

    effects = [_("%(seat)s is for sale again.") % {"seat": seat_name(each.seat)} for each in booking.held]
    effects.append(_("Nothing was paid, so nothing is refunded."))
    return step_page(request, booking, form, title=_("Release the hold"), submit=_("Release"), effects=effects, do=do)


@staff_page(MAY_SERVE)
def send_again(request: HttpRequest, reference: str) -> HttpResponse:
    booking, form = booking_of(reference), form_of(request)

    def do() -> str:
        given = form.cleaned_data
        count = ticket_mails.send_again(
            reference=reference, actor_id=actor_of(request), note=given["note"], key=given["key"]
        )
        if count:
            log(request, booking.first, _("Had the tickets mailed again: %(note)s") % given)
        return _("The tickets are mailed within seconds.")

    fans = ", ".join(dict.fromkeys(each.reservation.user.email for each in booking.paid))
    effects = [_("%(count)d tickets go to %(fan)s.") % {"count": len(booking.paid), "fan": fans}]
    return step_page(
        request, booking, form, title=_("Mail the tickets again"), submit=_("Send"), effects=effects, do=do
    )


@staff_page(MAY_SERVE)
def hand_over(request: HttpRequest, reference: str) -> HttpResponse:
    """All paid seats of the booking, or those that are named in `only`, to another account."""
    booking, form = booking_of(reference), form_of(request, HandOverForm)
    only = set(request.GET.getlist("only"))
    seats = [each for each in booking.paid if not only or str(each.reservation.pk) in only]
    effects = [f"{seat_name(each.seat)}: {money(each.price)}" for each in seats]
    effects.append(_("What was paid goes along: nothing is refunded, nothing is to pay. The old tickets end."))

    def do() -> str | None:
        given = form.cleaned_data
        receiver = User.objects.of_address(given["receiver"])
        if receiver is not None and receiver.is_active and given["sure"] != receiver.pk:
            effects.append(_("They become %(who)s’s. Press again to do it.") % {"who": receiver.shown_name})
            form.data = request.POST.dict() | {"sure": str(receiver.pk)}
            return None
        done = rebooking.hand_over(
            reservation_ids=[each.reservation.pk for each in seats],
            receiver_id=receiver.pk if receiver else 0,
            actor_id=actor_of(request),
            note=given["note"],
        )
        if done.is_new:
            for each in seats:
                said = {"from": each.reservation.user.email, "to": given["receiver"], "note": given["note"]}
                log(request, each.reservation, _("Handed over from %(from)s to %(to)s: %(note)s") % said)
        return _("Handed over to %(who)s.") % {"who": given["receiver"]}

    return step_page(request, booking, form, title=_("Hand over"), submit=_("Hand over"), effects=effects, do=do)


# --- Exchange ----------------------------------------------------------------------------------


@staff_page(MAY_EXCHANGE)
def exchange(request: HttpRequest, reference: str, reservation_id: int) -> HttpResponse:
    """Choose a free seat, of this date or another of the concert; then what it costs, why, and do it."""
    booking = booking_of(reference)
    booked = next((each for each in booking.seats if each.reservation.pk == reservation_id), None)
    if booked is None:
        raise Http404
    seat = ConcertSeat.objects.filter(pk=id_in(request.GET.get("seat", "")) or 0).first()
    return exchange_for(request, booking, booked, seat) if seat else choose(request, booking, booked)


def choose(request: HttpRequest, booking: BookingSummary, booked: BookedSeat) -> HttpResponse:
    """Free seats, those of the same category first, and near the stage."""
    own = booked.reservation.concert_schedule_id
    # As rebook_seat.sql has it.
    may_be = ~IS_CANCELED & (IS_TO_COME | Q(pk=own))
    dates = ConcertSchedule.objects.filter(may_be, concert=booked.reservation.concert_id)
    dates = dates.defer("layout", "draw_seed").order_by("concert_at")
    chosen = id_in(request.GET.get("date", "")) or own
    free = ConcertSeat.objects.filter(IS_FREE, concert_schedule=chosen, concert=booked.reservation.concert_id)
    word = request.GET.get("where", "").replace("\0", "").strip()
    if word:
        free = free.filter(section__icontains=word) | free.filter(row=word) | free.filter(category__icontains=word)
    found = sorted(
        free.order_by("nearness", "pk")[: MOST_FREE * 5], key=lambda each: each.category != booked.seat.category
    )
    paid = booked.price
    facts = {
        "booking": booking,
        "booked": booked,
        "dates": list(dates[:50]),
        "chosen": chosen,
        "where": word,
        "free": [(each, each.seat_price - paid) for each in found[:MOST_FREE]],
        "back": reverse("admin:booking", args=[booking.reference]),
    }
    return page(request, "desk/exchange.html", title=_("Exchange %(seat)s") % {"seat": seat_name(booked.seat)}, **facts)


def exchange_for(request: HttpRequest, booking: BookingSummary, booked: BookedSeat, seat: ConcertSeat) -> HttpResponse:
    """What it costs, before it is done: the difference is sent along, and compared."""
    payment = payment_of(booked.reservation)
    difference = 0 if payment and payment.complimentary else seat.seat_price - booked.price
    form = form_of(request, ExchangeForm, agreed=difference)

    def do() -> str:
        given = form.cleaned_data
        done = rebooking.exchange(
            seats={booked.reservation.pk: seat.pk},
            actor_id=actor_of(request),
            note=given["note"],
            agreed=difference if given["agreed"] is None else given["agreed"],
        )
        said = {"old": seat_name(booked.seat), "new": seat_name(seat), "sum": signed_money(done.difference)}
        if done.is_new:
            said_why = _("Exchanged %(old)s for %(new)s, difference %(sum)s: %(note)s")
            log(request, booked.reservation, said_why % (said | {"note": given["note"]}))
        return _("Exchanged: %(old)s is now %(new)s.") % said

    effects = effects_of_exchange(booked, seat, difference)
    return step_page(request, booking, form, title=_("Exchange"), submit=_("Exchange"), effects=effects, do=do)


def effects_of_exchange(booked: BookedSeat, seat: ConcertSeat, difference: int) -> list[str]:
    balance = wallet_of(booked.reservation.user_id).amount
    effects = [
        f"{seat_name(booked.seat)} → {seat_name(seat)}",
        _("%(old)s → %(new)s, difference %(sum)s")
        % {"old": money(booked.price), "new": money(booked.price + difference), "sum": signed_money(difference)},
        _("The wallet has %(now)s, and %(then)s afterwards.")
        % {"now": money(balance), "then": signed_money(balance - difference).lstrip("+")},
        _("The old ticket ends; the new one is mailed."),
    ]
    if balance < difference:
        effects.append(_("There isn’t enough in the wallet: put the difference in first."))
    return effects


# --- Notes -------------------------------------------------------------------------------------


@staff_page(MAY_SERVE)
def note(request: HttpRequest, reference: str = "", user_id: int | None = None) -> HttpResponse:
    where = reverse("admin:booking", args=[reference]) if reference else reverse("admin:fan", args=[user_id])
    form = DeskStepForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            staff_notes.add_note(
                text=given["note"], actor_id=actor_of(request), key=given["key"], reference=reference, user_id=user_id
            )
        except DomainError as error:
            messages.error(request, str(error.detail))
    elif request.method == "POST":
        messages.error(request, _("Write something, up to 500 characters."))
    return redirect(f"{where}#notes")

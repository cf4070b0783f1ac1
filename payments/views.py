"""Pages of paying and canceling."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.formats import money
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import fan_id, private_page, throttled
from payments.domain import card_checkout, card_refunds, checkout
from payments.domain.card_checkout import PaidAtOnce
from payments.domain.errors import FeeChanged, PaymentUnderWay
from payments.domain.refunds import Cancellation
from payments.models import RefundTo
from payments.queries import payment_of, receipts
from reservations.domain import cancellation
from reservations.domain.errors import HoldExpired, RefundClosed
from reservations.queries import booking_summaries, bookings
from reservations.queries.booking_summaries import BookedSeat, BookedSeatState, BookingSummary
from wallet.domain import top_ups
from wallet.domain.errors import BalanceTooLarge, InsufficientBalance
from wallet.models import sent_and_returned
from wallet.providers import TopUpMode, TopUpUnavailable, top_up_mode
from wallet.queries import kept_top_ups_for, open_top_ups_for, wallet_of
from wallet.views.top_ups import way_to_pay

# --- Paying ------------------------------------------------------------------------------------


@private_page
@throttled("pay")
def checkout_page(request: HttpRequest, reference: str) -> HttpResponse:
    """GET: what is to be paid, until when, and what canceling would cost. POST: pay it."""
    booking = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    if request.method == "POST":
        return pay(request, booking)
    if booking.held:
        return render(request, "payments/checkout.html", checkout_context(request, booking))
    lapsed = booking.of(BookedSeatState.LAPSED)
    if lapsed and not booking.paid:
        return render(request, "payments/lapsed.html", lapsed_context(request, booking, lapsed))
    return redirect("booking", reference)


def lapsed_context(request: HttpRequest, booking: BookingSummary, lapsed: list[BookedSeat]) -> dict[str, object]:
    """What is told of seats that were not paid in time: money that came too late, and what can still be had."""
    kept = kept_top_ups_for([each.reservation.pk for each in booking.seats], user_id=fan_id(request))
    free = bookings.still_free(each.seat.pk for each in lapsed)
    return {
        "booking": booking,
        "lapsed": [(each, each.seat.pk in free) for each in lapsed],
        # What went back to the card since is in the wallet no more.
        "kept": sum(each.amount - each.refunded for each in kept),
        "balance": wallet_of(fan_id(request)).amount,
    }


def checkout_context(request: HttpRequest, booking: BookingSummary) -> dict[str, object]:
    balance = wallet_of(fan_id(request)).amount
    prices = [each.price for each in booking.held]
    missing = max(0, booking.to_pay - balance)
    return {
        "booking": booking,
        "balance": balance,
        "left": balance - booking.to_pay,
        "missing": missing,
        "from_wallet": booking.to_pay - missing,
        "under_way": open_top_ups_for([each.reservation.pk for each in booking.held], user_id=fan_id(request)).first(),
        "tiers": cancellation.tiers_to_come(
            prices=prices, terms=cancellation.terms_of(booking.first), today=booking.today
        ),
        "top_up_mode": top_up_mode().value,
        "can_pay": not missing or top_up_mode() is not TopUpMode.NONE,
        "needs_consent": settings.CHECKOUT_CONSENT,
        "extra_seconds": settings.HOLD_SECONDS,
        # The page has its own clock, and a page has one.
        "hold_bar": None,
    }


def pay(request: HttpRequest, booking: BookingSummary) -> HttpResponse:
    """Pay the seats that the page showed, all or none, as the button says; what was paid before counts as done."""
    shown = [each.reservation.pk for each in booking.seats if str(each.reservation.pk) in request.POST.getlist("seat")]
    reservation_ids = shown or [each.reservation.pk for each in booking.held]
    if not reservation_ids:
        return redirect("checkout", booking.reference)
    if settings.CHECKOUT_CONSENT and request.POST.get("agree") != "yes":
        messages.error(request, _("Nothing was paid yet: please agree to the cancellation and refund rules first."))
        return redirect("checkout", booking.reference)
    pay_as_asked = pay_by_card if request.POST.get("pay_with") == "card" else pay_from_wallet
    try:
        return pay_as_asked(request, booking, reservation_ids)
    except HoldExpired as lapsed:
        messages.error(request, lapsed_text(all_of_them=len(lapsed.items or ()) == len(reservation_ids)))
    except InsufficientBalance:
        messages.error(request, _("Nothing was paid: there isn’t enough in your wallet."))
    except (TopUpUnavailable, BalanceTooLarge, PaymentUnderWay) as error:
        messages.error(request, str(error.detail))
    return redirect("checkout", booking.reference)


def lapsed_text(*, all_of_them: bool) -> str:
    if all_of_them:
        return _("Nothing was paid: your time to pay ran out.")
    return _("Nothing was paid: your time ran out for some of these seats.")


def pay_from_wallet(request: HttpRequest, booking: BookingSummary, reservation_ids: list[int]) -> HttpResponse:
    """Pay at once; a payment by card that is under way for the same seats has nothing left to do.

    :raises HoldExpired, InsufficientBalance: as checkout.pay
    """
    checkout.pay(user_id=fan_id(request), reservation_ids=reservation_ids)
    top_ups.abandon_all_for(reservation_ids, user_id=fan_id(request))
    return redirect("booking", booking.reference)


def pay_by_card(request: HttpRequest, booking: BookingSummary, reservation_ids: list[int]) -> HttpResponse:
    """Lead to where what the wallet lacks is paid; to the booking, if it lacks nothing by now.

    :raises HoldExpired, InsufficientBalance, TopUpUnavailable, BalanceTooLarge, PaymentUnderWay: as card_checkout.pay
    """
    paid = card_checkout.pay(user_id=fan_id(request), reservation_ids=reservation_ids)
    if isinstance(paid, PaidAtOnce):
        return redirect("booking", booking.reference)
    return redirect(way_to_pay(paid))


@private_page
def receipt(request: HttpRequest, reference: str) -> HttpResponse:
    """How a booking was paid, to be printed; the booking itself while nothing of it is."""
    booking = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    found = receipts.receipt_of(booking, user_id=fan_id(request))
    if found is None:
        return redirect("booking", reference)
    return render(request, "payments/receipt.html", {"booking": booking, "receipt": found, "fan": request.user})


# --- Canceling ---------------------------------------------------------------------------------


@private_page
@throttled("write")
def cancel_reservation(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what canceling one seat gives back. POST: cancel it, for the fee that was shown."""
    reservation = bookings.own(pk, user_id=fan_id(request))
    booking = booking_summaries.booking_summary(reservation.booking_reference, user_id=fan_id(request))
    return cancel(request, booking, [each for each in booking.seats if each.reservation.pk == pk])


@private_page
@throttled("write")
def cancel_booking(request: HttpRequest, reference: str) -> HttpResponse:
    """The same for all paid seats of a booking."""
    booking = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    return cancel(request, booking, booking.paid)


def cancel(request: HttpRequest, booking: BookingSummary, seats: list[BookedSeat]) -> HttpResponse:
    """Ask, or do what was asked and agreed to."""
    live = [each for each in seats if each.is_live]
    if not live:
        # Of a booking that is held still nothing is paid, and nothing canceled.
        if not booking.held:
            messages.info(request, _("This was already canceled."))
        return redirect("booking", booking.reference)
    if request.method != "POST":
        return confirm_cancellation(request, booking, live)
    try:
        agreed = {each.reservation.pk: agreed_fee(request, each) for each in live}
        return cancel_agreed(request, booking, agreed, chosen_way(request))
    except FeeChanged:
        messages.warning(request, _("Nothing was canceled: the fee has changed. Please check again."))
    except RefundClosed as error:
        messages.error(request, str(error.detail))
    return redirect(request.path)


def confirm_cancellation(request: HttpRequest, booking: BookingSummary, seats: list[BookedSeat]) -> HttpResponse:
    quotes = [(each, quote_for(each)) for each in seats]
    refund = sum(quote.refund for _each, quote in quotes)
    balance = wallet_of(fan_id(request)).amount
    to_card = card_refunds.would_go_to_card(refunds_by_payment(quotes), user_id=fan_id(request))
    facts = {
        "booking": booking,
        "quotes": quotes,
        "is_held": all(each.state == BookedSeatState.HELD for each in seats),
        "is_open": all(quote.is_open for _each, quote in quotes),
        "price": sum(each.price for each in seats),
        "fee": sum(quote.fee for _each, quote in quotes),
        "refund": refund,
        "balance": balance,
        "balance_after": balance + refund,
        "to_card": to_card,
        "kept_in_wallet": refund - to_card,
        "refund_to": settings.REFUND_TO,
        "tiers": cancellation.tiers_to_come(
            prices=[each.price for each in seats], terms=cancellation.terms_of(booking.first), today=booking.today
        ),
    }
    return render(request, "payments/cancel.html", facts)


def quote_for(booked: BookedSeat) -> cancellation.Quote:
    """What canceling a live seat costs and gives back; nothing was paid for one that is held."""
    if booked.state == BookedSeatState.HELD:
        return cancellation.Quote(fee=0, refund=0, is_open=True)
    return cancellation.quote_of(booked.reservation)


def refunds_by_payment(quotes: list[tuple[BookedSeat, cancellation.Quote]]) -> dict[int, int]:
    """What canceling would give back, of each payment that there is."""
    found = [(payment_of(each.reservation), quote.refund) for each, quote in quotes if quote.is_open]
    return {payment.pk: refund for payment, refund in found if payment and refund}


def chosen_way(request: HttpRequest) -> RefundTo:
    """Where the refund is to go: what was chosen, if the page offered a choice, else the wallet."""
    return RefundTo.CARD if request.POST.get("refund_to") == RefundTo.CARD else RefundTo.WALLET


def agreed_fee(request: HttpRequest, booked: BookedSeat) -> int:
    """The fee that the page showed for this seat.

    :raises FeeChanged: if it showed none, as for a seat that was paid only afterwards
    """
    fee = id_in(request.POST.get(f"fee-{booked.reservation.pk}", ""))
    if fee is None:
        raise FeeChanged
    return fee


def cancel_agreed(
    request: HttpRequest, booking: BookingSummary, agreed: Mapping[int, int], refund_to: RefundTo
) -> HttpResponse:
    """Cancel for the fees agreed to, and lead to what is left of the booking.

    :raises FeeChanged, RefundClosed: as refunds.cancel does
    """
    done = card_refunds.cancel_together(user_id=fan_id(request), agreed=agreed, refund_to=refund_to)
    was_paid = [each for each in done if hasattr(each.reservation, "payment")]
    if was_paid:
        report_refund(request, was_paid)
        return redirect("booking", booking.reference)
    said = ngettext("You released %(count)d seat.", "You released %(count)d seats.", len(done))
    messages.success(request, said % {"count": len(done)})
    return redirect("checkout", booking.reference)


def report_refund(request: HttpRequest, done: Sequence[Cancellation]) -> None:
    """What of a refund went on to the card, what stayed in the wallet, and what the card didn't take."""
    made = [withdrawal for each in done for withdrawal in each.withdrawals]
    to_card, returned = sent_and_returned(made)
    kept = sum(each.refund for each in done) - to_card - returned
    if to_card:
        said = _("Canceled. %(amount)s is on its way to the card you paid with.")
        messages.success(request, said % {"amount": money(to_card)})
    if kept or not made:
        said = _("%(refund)s went to your wallet.") if to_card else _("Canceled. %(refund)s went back to your wallet.")
        messages.success(request, said % {"refund": money(kept)})
    if returned:
        said = _("Canceled. Your card is closed, so %(amount)s went to your wallet.")
        messages.warning(request, said % {"amount": money(returned)})

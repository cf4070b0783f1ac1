"""Pages of one top-up: paying it, and what became of it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from concert_site.lib.formats import money
from concert_site.lib.web.headers import widen_policy
from concert_site.lib.web.pages import fan_id, private_page, throttled
from wallet.domain import top_ups
from wallet.domain.errors import BalanceTooLarge
from wallet.models import TopUp, TopUpState
from wallet.providers.base import Outcome, ProviderAway, Status
from wallet.queries import top_up_of, wallet_of


def way_to_pay(top_up: TopUp) -> str:
    """Where the fan goes on: to the provider's page, to ours with its widget, or to what became of it."""
    if top_up.state != TopUpState.PENDING:
        return reverse("top_up_status", args=[top_up.reference])
    return (top_up.next or {}).get("url") or reverse("top_up_pay", args=[top_up.reference])


@private_page
def status(request: HttpRequest, reference: str) -> HttpResponse:
    """What became of it; the fan comes back here from the provider, whose parameters are asked of it again."""
    top_up = top_up_of(reference, user_id=fan_id(request))
    if top_up.is_open:
        ask_and_settle(top_up, request)
        if top_up.is_credited:
            tell_what_came_of(top_up, request)
    if top_up.is_credited:
        return redirect(top_up.return_path or "wallet")
    facts = {"top_up": top_up, "wallet": wallet_of(fan_id(request)), "pay_url": way_to_pay(top_up)}
    return render(request, "wallet/top_up.html", facts)


def ask_and_settle(top_up: TopUp, request: HttpRequest) -> None:
    """Have the provider confirm it and say how it stands; while it is away the page says so by the state."""
    try:
        top_ups.settle(top_up, top_ups.confirm(top_up, request.GET.dict()))
    except (ProviderAway, BalanceTooLarge):
        top_up.refresh_from_db()


def tell_what_came_of(top_up: TopUp, request: HttpRequest) -> None:
    """Once, on the page that the fan goes on to."""
    amount = {"amount": money(top_up.amount)}
    if top_up.outcome == TopUp.KEPT:
        said = _("%(amount)s came too late for these seats. Nothing is lost: the money is in your wallet.")
        messages.warning(request, said % amount)
    elif top_up.outcome != TopUp.PAID:
        messages.success(request, _("%(amount)s are in your wallet now.") % amount)


@private_page
@throttled("write")
def give_up(request: HttpRequest, reference: str) -> HttpResponse:
    """POST: pay in another way, or not at all. What is paid by then is credited."""
    top_up = top_up_of(reference, user_id=fan_id(request))
    if request.method == "POST" and top_up.is_open:
        try:
            outcome = top_ups.give_up(top_up)
        except ProviderAway:
            return redirect("top_up_status", reference)
        # Nothing is left at the provider that could be paid.
        ended = Outcome(status=Status.FAILED, failure="canceled") if outcome.status == Status.OPEN else outcome
        top_ups.settle(top_up, ended)
    return redirect(top_up.return_path or reverse("wallet"))


@private_page
def pay(request: HttpRequest, reference: str) -> HttpResponse:
    """The page on which a fan pays by the provider's widget; it alone may load what the widget is made of."""
    top_up = top_up_of(reference, user_id=fan_id(request))
    if top_up.state != TopUpState.PENDING:
        return redirect("top_up_status", reference)
    page = top_ups.pay_page(top_up)
    if page is None:
        return redirect(way_to_pay(top_up))
    response = render(request, page.template, {"top_up": top_up, **page.context})
    return widen_policy(response, page.sources)

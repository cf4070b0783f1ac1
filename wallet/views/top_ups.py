"""Pages of one top-up: paying it, and what became of it."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from concert_site.lib.formats import money
from concert_site.lib.rate_limits import is_within_limit
from concert_site.lib.web.headers import widen_policy
from concert_site.lib.web.networks import caller_of
from concert_site.lib.web.pages import check_rate_limit, fan_id, private_page, throttled
from wallet.domain import top_ups
from wallet.domain.errors import BalanceTooLarge
from wallet.models import Purpose, TopUp, TopUpState
from wallet.providers import top_up_mode
from wallet.providers.base import ProviderAway
from wallet.queries import known_top_up, top_up_of, wallet_of


def way_to_pay(top_up: TopUp) -> str:
    """Where the fan goes on: to the page that pays it, or to what became of it.

    Always on this site: a form must not lead to another one, and its redirects count as the form (form-action).
    """
    if top_up.state != TopUpState.PENDING:
        return reverse("top_up_status", args=[top_up.reference])
    url = str((top_up.next or {}).get("url") or "")
    return url if url.startswith("/") else reverse("top_up_pay", args=[top_up.reference])


@never_cache
def status(request: HttpRequest, reference: str) -> HttpResponse:
    """What became of it; here the fan comes back from the provider, whose parameters are asked of it again.

    Who isn't logged in (any more), or came out of an app, is told whether it went well: that the money is taken note of
    depends on no session.
    """
    top_up = known_top_up(reference)
    was_open = top_up.is_open
    if was_open:
        ask_and_settle(top_up, request)
    if not request.user.is_authenticated:
        return stranger_page(request, top_up)
    top_up_of(reference, user_id=fan_id(request))
    if was_open and top_up.is_credited:
        tell_what_came_of(top_up, request)
    if top_up.is_credited and top_up.outcome != TopUp.KEPT:
        return redirect(top_up.return_path or "wallet")
    facts = {
        "top_up": top_up,
        "wallet": wallet_of(top_up.user_id),
        "pay_url": way_to_pay(top_up),
        "top_up_mode": top_up_mode().value,
    }
    return render(request, "wallet/top_up.html", facts)


def stranger_page(request: HttpRequest, top_up: TopUp) -> HttpResponse:
    """How it ended, and nothing else; the way in leads back here."""
    path = reverse("top_up_status", args=[top_up.reference])
    log_in = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': path}, safe='/')}"
    return render(request, "wallet/top_up_returned.html", {"top_up": top_up, "log_in_url": log_in})


def ask_and_settle(top_up: TopUp, request: HttpRequest) -> None:
    """Have the provider confirm it and say how it stands; while it is away the page says so by the state.

    Not for whoever asks without end: providers count what a house asks of them, for all its fans together.
    """
    if not is_within_limit("look_up", f"t{top_up.pk}"):
        return
    try:
        top_ups.settle(top_up, top_ups.confirm(top_up, request.GET.dict()))
    except (ProviderAway, BalanceTooLarge):
        top_up.refresh_from_db()


def tell_what_came_of(top_up: TopUp, request: HttpRequest) -> None:
    """Once, on the page that the fan goes on to. One that paid a booking, or couldn't, has a page that says so."""
    if top_up.purpose == Purpose.WALLET:
        messages.success(request, _("%(amount)s was added to your wallet.") % {"amount": money(top_up.amount)})


@private_page
@throttled("write")
def give_up(request: HttpRequest, reference: str) -> HttpResponse:
    """POST: pay in another way, or not at all. What is paid by then is credited."""
    top_up = top_up_of(reference, user_id=fan_id(request))
    if request.method != "POST":
        return redirect("top_up_status", reference)
    if not top_up.is_open:
        return redirect(top_up.return_path or "wallet")
    try:
        ended = top_ups.abandon(top_up)
    except ProviderAway:
        messages.warning(request, _("The provider isn’t responding, so this payment can’t be canceled yet."))
        return redirect("top_up_status", reference)
    except BalanceTooLarge:
        return redirect("top_up_status", reference)
    return after_ending(request, ended)


def after_ending(request: HttpRequest, top_up: TopUp) -> HttpResponse:
    """Where the fan goes on who wanted to end it, and what is said there."""
    if top_up.is_credited:
        tell_what_came_of(top_up, request)
        return redirect("top_up_status", top_up.reference)
    if top_up.is_open:
        said = _("The provider is already taking the money, so this payment can no longer be canceled.")
        messages.warning(request, said)
        return redirect("top_up_status", top_up.reference)
    messages.info(request, _("Payment canceled. Nothing was taken."))
    return redirect(top_up.return_path or "wallet")


@never_cache
def pay(request: HttpRequest, reference: str) -> HttpResponse:
    """The page on which it is paid by the provider's widget, or that leads on to the provider's own.

    For whoever has its address, which is as long as a secret and shows the amount alone: apps open it in a browser that
    knows nobody. The widget's page alone may load what the widget is made of. POST: ask a provider again that was away.
    """
    top_up = known_top_up(reference)
    if request.method == "POST" and top_up.state == TopUpState.CREATED:
        check_rate_limit("write", caller_of(request))
        top_ups.ask_provider(top_up)
        return redirect(way_to_pay(top_up))
    if top_up.state != TopUpState.PENDING:
        return redirect("top_up_status", reference)
    page = top_ups.pay_page(top_up)
    if page is None:
        url = str((top_up.next or {}).get("url") or "")
        return render(request, "wallet/top_up_leave.html", {"top_up": top_up, "provider_url": url})
    seconds_left = max(0, int((top_up.expires_at - timezone.now()).total_seconds()))
    response = render(request, page.template, {"top_up": top_up, "seconds_left": seconds_left, **page.context})
    return widen_policy(response, page.sources)


@private_page
def receipt(request: HttpRequest, reference: str) -> HttpResponse:
    """What was received, to be printed; until then how it stands."""
    top_up = top_up_of(reference, user_id=fan_id(request))
    if not top_up.is_credited:
        return redirect("top_up_status", reference)
    facts = {"top_up": top_up, "left": top_up.amount - top_up.refunded, "fan": request.user}
    return render(request, "wallet/receipt.html", facts)

"""The page of the sandbox, as a provider's: here a fan of demo and test "pays"."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from wallet.models import SandboxPayment
from wallet.providers import provider_named, sandbox
from wallet.providers.sandbox import status_of

DELAY_SECONDS = 20


@never_cache
def sandbox_page(request: HttpRequest, reference: str) -> HttpResponse:
    """GET: what is asked for. POST `choice`: pay, decline, delay, or vanish; once paid, close the card.

    Like a provider's it knows no session.
    """
    if provider_named("sandbox").check():
        raise Http404
    found = get_object_or_404(SandboxPayment, reference=reference)
    if request.method != "POST":
        facts = {"payment": found, "status": status_of(found).value}
        return render(request, "wallet/sandbox.html", facts)
    match request.POST.get("choice"):
        case "pay":
            sandbox.pay(reference)
        case "delay":
            sandbox.pay(reference, after_seconds=DELAY_SECONDS)
        case "vanish":
            # Paid, and the fan never comes back to tell.
            sandbox.pay(reference)
            return render(request, "wallet/sandbox.html", {"payment": found, "status": "VANISHED"})
        case "close_card":
            sandbox.close_card(reference)
            return redirect("sandbox_payment", reference)
        case _:
            sandbox.decline(reference)
    return redirect("top_up_status", reference)

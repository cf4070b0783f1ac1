"""Pages of the wallet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from concert_site.lib.pages import fan_id, fans_own
from wallet.queries import history_of, wallet_of


@fans_own
def wallet(request: HttpRequest) -> HttpResponse:
    """The balance and the ledger."""
    facts = {"wallet": wallet_of(fan_id(request)), "entries": history_of(fan_id(request))[:50]}
    return render(request, "wallet/wallet.html", facts)

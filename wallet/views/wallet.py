"""Pages of the wallet."""

from typing import Protocol

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy

from concert_site.accounts.permissions import verified
from concert_site.lib.amounts import TypedAmountField
from concert_site.lib.errors import Invalid
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import fan_id, idempotency_key, new_form_key, next_url, private_page, throttled
from wallet.domain import top_ups, withdrawals
from wallet.domain.errors import BalanceTooLarge, TopUpDayLimit, TopUpMonthLimit
from wallet.models import BalanceHistoryQuerySet
from wallet.providers import TopUpMode, TopUpUnavailable, top_up_mode
from wallet.queries import open_top_ups, wallet_of
from wallet.views.top_ups import way_to_pay

ENTRIES_A_PAGE = 25
# As long as a top-up remembers it.
LONGEST_PATH = 500
# In minor units: what fans top up by, without typing.
SUGGESTED = (10_000, 50_000, 100_000, 300_000)


class TopUpForm(forms.Form):
    """How much to top up."""

    amount = TypedAmountField(least=settings.TOP_UP_LEAST, most=settings.TOP_UP_MOST)
    amount.label = gettext_lazy("Amount")


class ReadStatement(Protocol):
    """A page of the ledger, each entry with what it was for; whoever is above knows that, and hands it in (urls)."""

    def __call__(self, user_id: int, *, before: int | None, size: int) -> BalanceHistoryQuerySet: ...


@private_page
def wallet(request: HttpRequest, read_statement: ReadStatement) -> HttpResponse:
    """The balance, topping up, and the ledger."""
    return show(request, TopUpForm(), read_statement)


@private_page
@verified
@throttled("charge")
def top_up(request: HttpRequest, read_statement: ReadStatement) -> HttpResponse:
    """Write the top-up down, and lead to where it is paid. A read leads to the wallet."""
    if request.method != "POST":
        return redirect("wallet")
    form = TopUpForm(request.POST)
    if not form.is_valid():
        return show(request, form, read_statement, status=400)
    amount = form.cleaned_data["amount"]
    try:
        begun = top_ups.start(
            top_ups.TopUpRequest(
                user_id=fan_id(request),
                amount=amount,
                idempotency_key=idempotency_key(request, amount=amount),
                return_path=path_back(request),
            )
        )
    except (BalanceTooLarge, Invalid, TopUpDayLimit, TopUpMonthLimit) as error:
        form.add_error("amount", str(error.detail))
        return show(request, form, read_statement, status=409)
    except TopUpUnavailable:
        # The page says so itself, in place of the form.
        return redirect(next_url(request) or "wallet")
    return redirect(way_to_pay(begun.top_up))


def path_back(request: HttpRequest) -> str:
    """Where the fan came from; "" if that is nowhere, or an address that nobody gave out."""
    wanted = next_url(request) or ""
    return wanted if len(wanted) <= LONGEST_PATH else ""


def show(request: HttpRequest, form: TopUpForm, read_statement: ReadStatement, *, status: int = 200) -> HttpResponse:
    found = list(read_statement(fan_id(request), before=asked_before(request), size=ENTRIES_A_PAGE + 1))
    facts = {
        "wallet": wallet_of(fan_id(request)),
        "under_way": open_top_ups(user_id=fan_id(request)),
        "entries": found[:ENTRIES_A_PAGE],
        # Where the next page begins, if more was found than one page takes.
        "older": found[ENTRIES_A_PAGE - 1].pk if len(found) > ENTRIES_A_PAGE else None,
        "is_first_page": asked_before(request) is None,
        "form": form,
        "form_key": new_form_key(),
        "suggested": SUGGESTED,
        "top_up_mode": top_up_mode().value,
        "may_withdraw": top_up_mode() is not TopUpMode.NONE and bool(withdrawals.plan(user_id=fan_id(request))),
        "next": next_url(request) or "",
    }
    return render(request, "wallet/wallet.html", facts, status=status)


def asked_before(request: HttpRequest) -> int | None:
    """The entry before which the asked page begins; the first page for what is none."""
    return id_in(request.GET.get("before", ""))

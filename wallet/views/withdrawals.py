"""The page on which a fan sends what is in the wallet back to the card that it came from."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from concert_site.accounts.permissions import verified
from concert_site.lib.amounts import TypedAmountField
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import money
from concert_site.lib.web.pages import fan_id, idempotency_key, new_form_key, private_page, throttled
from wallet.domain import withdrawals
from wallet.domain.errors import InsufficientBalance, WithdrawalTooLarge
from wallet.domain.ledger import LARGEST_BALANCE
from wallet.domain.withdrawals import Withdrawn
from wallet.models import sent_and_returned
from wallet.providers import TopUpMode, TopUpUnavailable, current_provider, top_up_mode
from wallet.queries import own_withdrawals, wallet_of

MOST_SHOWN = 20


class WithdrawForm(forms.Form):
    """How much to withdraw."""

    amount = TypedAmountField(least=1, most=LARGEST_BALANCE)
    amount.label = gettext_lazy("Amount")


@private_page
@verified
@throttled("withdraw")
def withdraw(request: HttpRequest) -> HttpResponse:
    """GET: how much can go where, and with an amount what would go where. POST: send it."""
    form = WithdrawForm(request.POST or (request.GET if "amount" in request.GET else None))
    if not form.is_valid():
        return show(request, form, status=400 if form.is_bound else 200)
    try:
        if request.method == "POST":
            return send(request, form.cleaned_data["amount"])
        current_provider()
        return confirm(request, form)
    except (InsufficientBalance, WithdrawalTooLarge, TopUpUnavailable) as error:
        form.add_error("amount", refusal_of(error))
        return show(request, form, status=409)


def refusal_of(error: DomainError) -> str:
    """What the page says of it: who has too little wants no advice to top up."""
    return _("That’s more than your wallet has.") if isinstance(error, InsufficientBalance) else str(error.detail)


def show(request: HttpRequest, form: WithdrawForm, *, status: int = 200) -> HttpResponse:
    user_id = fan_id(request)
    is_possible = top_up_mode() is not TopUpMode.NONE
    ways = withdrawals.plan(user_id=user_id) if is_possible else []
    facts = {
        "wallet": wallet_of(user_id),
        "ways": ways,
        "possible": sum(part for _top_up, part in ways),
        "form": form,
        "withdrawals": own_withdrawals(user_id=user_id)[:MOST_SHOWN],
    }
    return render(request, "wallet/withdraw.html", facts, status=status)


def confirm(request: HttpRequest, form: WithdrawForm) -> HttpResponse:
    """What would go where, and the button that sends it.

    :raises InsufficientBalance, WithdrawalTooLarge: if that much can't go
    """
    amount, user_id = form.cleaned_data["amount"], fan_id(request)
    facts = {
        "amount": amount,
        "ways": withdrawals.plan(user_id=user_id, amount=amount),
        "balance_after": wallet_of(user_id).amount - amount,
        "form_key": new_form_key(),
    }
    return render(request, "wallet/withdraw_confirm.html", facts)


def send(request: HttpRequest, amount: int) -> HttpResponse:
    """Send it, once a form, and say what came of it.

    :raises InsufficientBalance, WithdrawalTooLarge, TopUpUnavailable: if that much can't go
    """
    key = idempotency_key(request, withdraw=amount)
    report(request, withdrawals.withdraw(user_id=fan_id(request), amount=amount, idempotency_key=key))
    return redirect("withdraw")


def report(request: HttpRequest, done: Withdrawn) -> None:
    """What goes to the card, and what it didn't take."""
    sent, back = sent_and_returned(done.withdrawals)
    if sent:
        messages.success(request, _("%(amount)s is on its way to your card.") % {"amount": money(sent)})
    if back:
        said = _("Your card is closed, so %(amount)s went back to your wallet.")
        messages.warning(request, said % {"amount": money(back)})

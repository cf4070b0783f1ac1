"""Wallets and the ledger in the admin: looked at, and adjusted with a reason."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.accounts.models import User
from concert_site.accounts.queries import users_matching
from concert_site.approvals.ceilings import MAY_ADJUST
from concert_site.approvals.redirects import leading_to_approval
from concert_site.lib.admin import fields
from concert_site.lib.admin.base import SearchedAdmin, actor_of, add_domain_error
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.admin.pages import OwnPages, requires
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import day_and_time, money
from concert_site.lib.idempotency import IdempotencyKeyReused
from wallet.admin.steps import link
from wallet.domain import adjustments, ledger
from wallet.domain.errors import InsufficientBalance
from wallet.models import Balance, BalanceHistory
from wallet.queries import wallet_of


class AdjustForm(forms.Form):
    """An amount to add or to take, and why. The hidden key makes sending the form twice the same as once."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    amount = fields.MoneyField(label=_("Amount"), help_text=_("The amount to add, or with a minus, to take off."))
    note = fields.ReasonField()


class FoundByFan(SearchedAdmin):
    """Rows of fans, found by their address."""

    search_help_text = _("by e-mail address")

    def matching(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:  # Any: of several models
        return rows.filter(user__in=users_matching(term))


@admin.register(Balance)
class BalanceAdmin(FoundByFan):
    """What fans have. A fan who never had anything has no row; their page leads to the adjustment, too."""

    list_display = fields = ("fan", "has", "changed", "adjusting")
    list_select_related = ("user",)
    list_filter = (("last_updated_at", admin.DateFieldListFilter),)

    def own_pages(self) -> OwnPages:
        return [("adjust/<int:user_id>/", self.adjust, "wallet_adjust")]

    fan = value_column(_("fan"), "user.email", ordering="user__email")
    has = value_column(_("amount"), "amount", money, ordering="amount")
    changed = value_column(_("last change"), "last_updated_at", day_and_time, ordering="last_updated_at")

    @column(_("adjust"))
    def adjusting(self, balance: Balance) -> str:
        return link("wallet_adjust", balance.user_id, _("Adjust"))

    @requires(MAY_ADJUST)
    @leading_to_approval
    def adjust(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """The page on which staff add to a wallet, or take from it, and say why."""
        fan = get_object_or_404(User, pk=user_id)
        form = AdjustForm(request.POST or None, initial={"key": uuid4()})
        if form.is_valid() and self.try_to_adjust(request, fan, form):
            return redirect(ledger_url(request, fan))
        title = _("Adjust the wallet of %(fan)s") % {"fan": fan.email}
        there = {"fan": fan, "balance": wallet_of(fan.pk).amount, "back": ledger_url(request, fan)}
        return self.page(request, "admin/wallet/adjust.html", title=title, form=form, submit=_("Adjust"), **there)

    def try_to_adjust(self, request: HttpRequest, fan: User, form: AdjustForm) -> bool:
        """Book what a valid form says; if it is refused, say so at its field."""
        order: dict[str, Any] = form.cleaned_data  # Any: each field's own type
        try:
            booked = adjustments.adjust_by_staff(
                user_id=fan.pk,
                amount=order["amount"],
                note=order["note"],
                actor_id=actor_of(request),
                idempotency_key=str(order["key"]),
            )
        except IdempotencyKeyReused:
            # Somebody went back in the browser and changed the form: whether both are meant, only they know.
            form.add_error(None, _("This form was already sent with different content. Check the ledger first."))
            form.data = request.POST.dict() | {"key": str(uuid4())}
        except InsufficientBalance:
            form.add_error("amount", _("There isn’t that much in the wallet."))
        except DomainError as error:
            add_domain_error(form, error)
        else:
            self.report_adjustment(request, fan, booked)
            return True
        return False

    def report_adjustment(self, request: HttpRequest, fan: User, booked: ledger.BookedEntry) -> None:
        """Tell who adjusted, and the log: once, however often the form was sent."""
        entry = booked.entry
        said = {"amount": money(entry.amount), "note": entry.note, "fan": fan.email, "after": money(entry.amount_after)}
        if booked.is_new:
            self.log_change(request, entry.balance, str(_("Adjusted by %(amount)s: %(note)s") % said))
        messages.success(request, _("%(fan)s: adjusted by %(amount)s, now %(after)s.") % said)


def ledger_url(request: HttpRequest, fan: User) -> str:
    """Where staff find what they booked: in the ledger, if they may see it."""
    if request.user.has_perm("wallet.view_balancehistory"):
        return reverse("admin:wallet_balancehistory_changelist", query={"user__id__exact": fan.pk})
    return reverse("admin:index")


@admin.register(BalanceHistory)
class BalanceHistoryAdmin(FoundByFan):
    """Every change of every balance."""

    list_display = fields = ("booked", "fan", "kind", "sum", "left", "payment_id", "note", "by")
    list_select_related = ("user", "actor")
    list_filter = ("kind", ("created_at", admin.DateFieldListFilter))

    booked = value_column(pgettext_lazy("ledger", "booked at"), "created_at", day_and_time, ordering="pk")
    fan = value_column(_("fan"), "user.email")
    sum = value_column(_("amount"), "amount", money)
    left = value_column(_("balance after"), "amount_after", money)
    by = value_column(_("by"), "actor.email")

"""Wallets and the ledger in the admin: looked at, and adjusted with a reason."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.accounts.models import User
from concert_site.accounts.queries import users_matching
from concert_site.approvals.errors import ApprovalRequired
from concert_site.approvals.redirects import to_approval
from concert_site.lib.admin.base import MoneyField, ReadOnlyAdmin, ReasonField, actor_of, add_domain_error
from concert_site.lib.admin.columns import value_column
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import day_and_time, money
from concert_site.lib.idempotency import IdempotencyKeyReused
from wallet.domain import adjustments, ledger
from wallet.domain.errors import InsufficientBalance
from wallet.models import Balance, BalanceHistory
from wallet.queries import wallet_of

MAY_ADJUST = "wallet.adjust_balance"


class AdjustForm(forms.Form):
    """An amount to add or to take, and why. The hidden key makes sending the form twice the same as once."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    amount = MoneyField(label=_("Amount"), help_text=_("The amount to add, or with a minus, to take off."))
    note = ReasonField()


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """What fans have. A fan who never had anything has no row; their page leads to the adjustment, too."""

    list_display = ("fan", "has", "changed", "adjusting")
    list_select_related = ("user",)
    list_filter = (("last_updated_at", admin.DateFieldListFilter),)
    search_fields = ("user__email",)
    search_help_text = _("by e-mail address")
    ordering = ("-pk",)
    fields = ("fan", "has", "changed", "adjusting")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Balance], search_term: str
    ) -> tuple[QuerySet[Balance], bool]:
        """By the fan's address; the accounts are looked up first, so that the wallets' own index finds the rest."""
        return (queryset.filter(user__in=users_matching(search_term)) if search_term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        adjust = path("adjust/<int:user_id>/", self.admin_site.admin_view(self.adjust), name="wallet_adjust")
        return [adjust, *super().get_urls()]

    fan = value_column(_("fan"), "user.email", ordering="user__email")
    has = value_column(_("amount"), "amount", money, ordering="amount")
    changed = value_column(_("last change"), "last_updated_at", day_and_time, ordering="last_updated_at")

    @admin.display(description=_("adjust"))
    def adjusting(self, balance: Balance) -> str:
        return format_html(
            '<a class="text-link" href="{}">{}</a>', reverse("admin:wallet_adjust", args=[balance.user_id]), _("Adjust")
        )

    def adjust(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """The page on which staff add to a wallet, or take from it, and say why."""
        if not request.user.has_perm(MAY_ADJUST):
            raise PermissionDenied
        fan = User.objects.filter(pk=user_id).first()
        if fan is None:
            raise Http404
        form = AdjustForm(request.POST or None, initial={"key": uuid4()})
        try:
            if form.is_valid() and self.try_to_adjust(request, fan, form):
                return redirect(ledger_url(request, fan))
        except ApprovalRequired as waits:
            return to_approval(request, waits)
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
        except ApprovalRequired:
            raise
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
        return f"{reverse('admin:wallet_balancehistory_changelist')}?user__id__exact={fan.pk}"
    return reverse("admin:index")


@admin.register(BalanceHistory)
class BalanceHistoryAdmin(ReadOnlyAdmin):
    """Every change of every balance."""

    list_display = ("booked", "fan", "kind", "sum", "left", "payment_id", "note", "by")
    list_select_related = ("user", "actor")
    list_filter = ("kind", ("created_at", admin.DateFieldListFilter))
    search_fields = ("user__email",)
    search_help_text = _("by e-mail address")
    ordering = ("-pk",)
    fields = ("booked", "fan", "kind", "sum", "left", "payment_id", "note", "by")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[BalanceHistory], search_term: str
    ) -> tuple[QuerySet[BalanceHistory], bool]:
        return (queryset.filter(user__in=users_matching(search_term)) if search_term else queryset), False

    booked = value_column(pgettext_lazy("ledger", "booked at"), "created_at", day_and_time, ordering="pk")
    fan = value_column(_("fan"), "user.email")
    sum = value_column(_("amount"), "amount", money)
    left = value_column(_("balance after"), "amount_after", money)
    by = value_column(_("by"), "actor.email")

"""Withdrawals in the admin: looked at, and asked about again."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from concert_site.lib.admin.columns import value_column
from concert_site.lib.admin.pages import OwnPages, requires
from concert_site.lib.formats import day_and_time
from wallet.admin.steps import MAY_SETTLE, MoneyAdmin, TopUpProviderFilter, asking_provider, took_step
from wallet.domain import withdrawals
from wallet.models import Withdrawal


@admin.register(Withdrawal)
class WithdrawalAdmin(MoneyAdmin):
    """Money on its way out, by the way it came in."""

    list_display = ("asked", "fan", "sum", "provider", "state", "failure", "reference", "note", "by")
    list_select_related = ("user", "top_up", "actor")
    list_filter = ("state", TopUpProviderFilter, ("created_at", admin.DateFieldListFilter))
    fields = (
        *("fan", "sum", "provider", "state", "failure", "reference", "provider_reference", "top_up_id", "entry_id"),
        *("return_entry_id", "asked", "changed", "asked_next", "looks", "note", "by"),
    )

    def own_pages(self) -> OwnPages:
        return [("<int:pk>/ask/", self.ask, "wallet_ask_withdrawal")]

    @requires(MAY_SETTLE)
    def ask(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask the provider now, and settle by what it says."""
        withdrawal = get_object_or_404(Withdrawal.objects.select_related("top_up"), pk=pk)

        def step() -> str:
            with asking_provider():
                withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal))
            return f"{withdrawal.reference}: {withdrawal.get_state_display()}"

        return took_step(request, step)

    # They are numbered in this order.
    asked = value_column(pgettext_lazy("withdrawal", "asked for at"), "created_at", day_and_time, ordering="pk")
    provider = value_column(_("provider"), "top_up.provider")
    by = value_column(_("by"), "actor.email")

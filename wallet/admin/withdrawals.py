"""Withdrawals in the admin: looked at, and asked about again."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Unavailable
from concert_site.lib.formats import day_and_time, money
from wallet.admin.steps import MAY_SETTLE, MoneyAdmin, TopUpProviderFilter, requires, took_step
from wallet.domain import withdrawals
from wallet.models import Withdrawal
from wallet.providers.base import ProviderError


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

    def get_urls(self) -> list[URLPattern]:
        """Django's, and the step."""
        ask = path("<int:pk>/ask/", self.admin_site.admin_view(self.ask), name="wallet_ask_withdrawal")
        return [ask, *super().get_urls()]

    @requires(MAY_SETTLE)
    def ask(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask the provider now, and settle by what it says."""
        withdrawal = Withdrawal.objects.select_related("top_up").filter(pk=pk).first()
        if withdrawal is None:
            raise Http404

        def step() -> str:
            try:
                withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal))
            except ProviderError as error:
                raise Unavailable(gettext("The provider isn’t responding: %(error)s") % {"error": error}) from error
            return f"{withdrawal.reference}: {withdrawal.get_state_display()}"

        return took_step(request, step)

    @admin.display(description=pgettext_lazy("withdrawal", "asked for at"), ordering="pk")
    def asked(self, withdrawal: Withdrawal) -> str:
        """When; they are numbered in that order."""
        return day_and_time(withdrawal.created_at)

    @admin.display(description=_("fan"))
    def fan(self, withdrawal: Withdrawal) -> str:
        """Whose money it is."""
        return withdrawal.user.email

    @admin.display(description=_("amount"))
    def sum(self, withdrawal: Withdrawal) -> str:
        """How much goes back."""
        return money(withdrawal.amount)

    @admin.display(description=_("provider"))
    def provider(self, withdrawal: Withdrawal) -> str:
        """Who pays it out: who took it."""
        return withdrawal.top_up.provider

    @admin.display(description=_("state changed at"))
    def changed(self, withdrawal: Withdrawal) -> str:
        """When it last changed."""
        return day_and_time(withdrawal.updated_state_at)

    @admin.display(description=_("asked about next at"))
    def asked_next(self, withdrawal: Withdrawal) -> str:
        """When the provider is asked next."""
        return day_and_time(withdrawal.next_look_at) if withdrawal.next_look_at else ""

    @admin.display(description=_("by"))
    def by(self, withdrawal: Withdrawal) -> str:
        """Which member of staff asked for it, if it was one."""
        return withdrawal.actor.email if withdrawal.actor else ""

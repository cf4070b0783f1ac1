"""Top-ups in the admin: looked at, asked about again, and ended by hand where nothing else can."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import actor_of
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import OwnPages, requires
from concert_site.lib.formats import day_and_time, money
from wallet.admin import stuck
from wallet.admin.steps import MAY_SETTLE, MoneyAdmin, ProviderFilter, asking_provider, link, listed, took_step
from wallet.domain import by_hand, top_ups
from wallet.models import TopUp
from wallet.models.top_ups import FOR_STAFF


class ReasonForm(forms.Form):
    """Why."""

    note = fields.ReasonField()


@admin.register(TopUp)
class TopUpAdmin(MoneyAdmin):
    """Money on its way in, and what became of it."""

    list_display = ("begun", "fan", "sum", "purpose", "provider", "state", "why_not", "back", "reference", "steps")
    list_select_related = ("user",)
    list_filter = ("state", ProviderFilter, "purpose", ("created_at", admin.DateFieldListFilter))
    fields = (
        *("fan", "sum", "purpose", "provider", "state", "failure", "method", "back", "outcome", "reservations"),
        *(
            "reference",
            "provider_reference",
            "entry_id",
            "begun",
            "changed",
            "given_up",
            "asked_next",
            "looks",
            "steps",
        ),
    )

    def own_pages(self) -> OwnPages:
        return [
            ("stuck/", self.stuck, "wallet_stuck"),
            ("<int:pk>/ask/", self.ask, "wallet_ask"),
            ("<int:pk>/book/", self.book, "wallet_book"),
            ("<int:pk>/give-back/", self.give_back, "wallet_give_back"),
        ]

    @requires("wallet.view_topup")
    def stuck(self, request: HttpRequest) -> HttpResponse:
        """All that isn't settled, each with what to do."""
        return self.page(request, "admin/wallet/stuck.html", title=_("Needs attention"), **stuck.facts(request))

    @requires(MAY_SETTLE)
    def ask(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask the provider now, and settle by what it says."""
        top_up = found(pk)

        def step() -> str:
            with asking_provider():
                top_ups.settle(top_up, top_ups.look_up(top_up))
            return f"{top_up.reference}: {top_up.get_state_display()}"

        return took_step(request, step)

    @requires(MAY_SETTLE)
    def book(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Book what the provider took into the wallet, as an adjustment."""
        top_up = found(pk)

        def step(note: str) -> str:
            entry = by_hand.book(top_up, note=note, actor_id=actor_of(request))
            said = {"amount": money(entry.amount), "fan": top_up.user.email}
            return gettext("%(amount)s was credited to the wallet of %(fan)s.") % said

        title = _("Credit what was paid to the wallet")
        return self.with_reason(request, top_up, step, title=title, submit=_("Credit"))

    @requires(MAY_SETTLE)
    def give_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have the provider give it back by the way it came."""
        top_up = found(pk)

        def step(note: str) -> str:
            by_hand.give_back(top_up, note=note)
            return gettext("It goes back the way it was paid.")

        title = _("Refund what was paid, the way it was paid")
        return self.with_reason(request, top_up, step, title=title, submit=_("Refund"))

    def with_reason(
        self, request: HttpRequest, top_up: TopUp, step: Callable[[str], str], *, title: object, submit: object
    ) -> HttpResponse:
        """A page that asks why; then the step is taken and logged."""
        form = ReasonForm(request.POST or None)
        said = submit_to_domain(form, lambda: step(form.cleaned_data["note"]))
        if said is not None:
            self.log_change(request, top_up, f"{title}: {form.cleaned_data['note']}")
            messages.success(request, said)
            return redirect("admin:wallet_stuck")
        there = {"top_up": top_up, "form": form, "submit": submit, "back": "../../stuck/"}
        return self.page(request, "admin/wallet/top_up_step.html", title=title, **there)

    # They are numbered in this order.
    begun = value_column(pgettext_lazy("top-up", "begun at"), "created_at", day_and_time, ordering="pk")
    why_not = value_column(_("why not"), "failure")
    given_up = value_column(_("given up at"), "expires_at", day_and_time)

    @column(_("paid back"))
    def back(self, top_up: TopUp) -> str:
        return money(top_up.refunded) if top_up.refunded else ""

    @column(_("possible actions"))
    def steps(self, top_up: TopUp) -> SafeString:
        """The ways on, where something is left to do."""
        if top_up.failure not in FOR_STAFF or top_up.is_credited:
            return SafeString("")
        return listed([link("wallet_book", top_up.pk, _("Credit")), link("wallet_give_back", top_up.pk, _("Refund"))])


def found(pk: int) -> TopUp:
    return get_object_or_404(TopUp.objects.select_related("user"), pk=pk)

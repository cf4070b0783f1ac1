"""Top-ups in the admin: looked at, asked about again, and ended by hand where nothing else can."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin.base import ReasonField, actor_of, add_domain_error
from concert_site.lib.errors import DomainError, Unavailable
from concert_site.lib.formats import day_and_time, money
from wallet.admin import stuck
from wallet.admin.steps import MAY_SETTLE, MoneyAdmin, ProviderFilter, link, requires, took_step
from wallet.domain import by_hand, top_ups
from wallet.models import TopUp
from wallet.models.top_ups import FOR_STAFF
from wallet.providers.base import ProviderError


class ReasonForm(forms.Form):
    """Why."""

    note = ReasonField()


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

    def get_urls(self) -> list[URLPattern]:
        """Django's, what is stuck, and the steps."""
        guarded = self.admin_site.admin_view
        return [
            path("stuck/", guarded(self.stuck), name="wallet_stuck"),
            path("<int:pk>/ask/", guarded(self.ask), name="wallet_ask"),
            path("<int:pk>/book/", guarded(self.book), name="wallet_book"),
            path("<int:pk>/give-back/", guarded(self.give_back), name="wallet_give_back"),
            *super().get_urls(),
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
            try:
                top_ups.settle(top_up, top_ups.look_up(top_up))
            except ProviderError as error:
                raise Unavailable(gettext("The provider isn’t responding: %(error)s") % {"error": error}) from error
            return f"{top_up.reference}: {top_up.get_state_display()}"

        return took_step(request, step)

    @requires(MAY_SETTLE)
    def book(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Book what the provider took into the wallet, as an adjustment."""
        top_up = found(pk)

        def step(note: str) -> str:
            entry = by_hand.book(top_up, note=note, actor_id=actor_of(request))
            return gettext("%(amount)s was credited to the wallet of %(fan)s.") % {
                "amount": money(entry.amount),
                "fan": top_up.user.email,
            }

        return self.with_reason(
            request, top_up, step, title=_("Credit what was paid to the wallet"), submit=_("Credit")
        )

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
        if form.is_valid():
            try:
                said = step(form.cleaned_data["note"])
            except DomainError as error:
                add_domain_error(form, error)
            else:
                self.log_change(request, top_up, f"{title}: {form.cleaned_data['note']}")
                messages.success(request, said)
                return redirect("admin:wallet_stuck")
        there = {"top_up": top_up, "form": form, "submit": submit, "back": "../../stuck/"}
        return self.page(request, "admin/wallet/top_up_step.html", title=title, **there)

    @admin.display(description=pgettext_lazy("top-up", "begun at"), ordering="pk")
    def begun(self, top_up: TopUp) -> str:
        """When; they are numbered in that order."""
        return day_and_time(top_up.created_at)

    @admin.display(description=_("fan"))
    def fan(self, top_up: TopUp) -> str:
        """Whose wallet it is for."""
        return top_up.user.email

    @admin.display(description=_("amount"))
    def sum(self, top_up: TopUp) -> str:
        """What was ordered."""
        return money(top_up.amount)

    @admin.display(description=_("paid back"))
    def back(self, top_up: TopUp) -> str:
        """What went back by the way it came."""
        return money(top_up.refunded) if top_up.refunded else ""

    @admin.display(description=_("why not"))
    def why_not(self, top_up: TopUp) -> str:
        """Why it failed or is stuck."""
        return top_up.failure

    @admin.display(description=_("state changed at"))
    def changed(self, top_up: TopUp) -> str:
        """When it last changed."""
        return day_and_time(top_up.updated_state_at)

    @admin.display(description=_("given up at"))
    def given_up(self, top_up: TopUp) -> str:
        """Until when the fan is waited for."""
        return day_and_time(top_up.expires_at)

    @admin.display(description=_("asked about next at"))
    def asked_next(self, top_up: TopUp) -> str:
        """When the provider is asked next."""
        return day_and_time(top_up.next_look_at) if top_up.next_look_at else ""

    @admin.display(description=_("possible actions"))
    def steps(self, top_up: TopUp) -> SafeString:
        """The ways on, where something is left to do."""
        if top_up.failure not in FOR_STAFF or top_up.is_credited:
            return SafeString("")
        links = [link("wallet_book", top_up.pk, _("Credit")), link("wallet_give_back", top_up.pk, _("Refund"))]
        return mark_safe(" · ".join(links))  # noqa: S308  each is escaped


def found(pk: int) -> TopUp:
    """A top-up with its fan.

    :raises Http404: if there is none
    """
    row = TopUp.objects.select_related("user").filter(pk=pk).first()
    if row is None:
        raise Http404
    return row

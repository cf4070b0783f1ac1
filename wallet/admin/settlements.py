"""Settlements in the admin: a day with a provider, compared again, explained, and exported."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import OwnPages, requires
from concert_site.lib.formats import day_and_time, money
from concert_site.lib.zones import bounds_of
from wallet.admin.steps import MAY_SETTLE, ProviderFilter, asking_provider, link, listed, took_step
from wallet.domain import settlements
from wallet.models import SettlementDay
from wallet.queries import own_lines_of

COLUMNS = (
    *("day", "provider", "line", "reference", "provider_reference", "currency", "ledger_amount", "provider_amount"),
    *("booked_at", "differs"),
)


class ExplainForm(forms.Form):
    """Why the day differs."""

    note = fields.ReasonField(label=_("Explanation"))


@admin.register(SettlementDay)
class SettlementDayAdmin(ReadOnlyAdmin):
    """Each day's book of each provider beside the ledger."""

    list_display = ("day", "provider", "theirs", "ours", "difference_count", "note", "checked", "steps")
    list_filter = (ProviderFilter, ("day", admin.DateFieldListFilter))
    list_select_related = ("actor",)
    ordering = ("-day", "provider")
    fields = (
        *("day", "provider", "theirs", "provider_lines", "ours", "ledger_lines", "differing", "note", "by", "checked"),
        "steps",
    )

    def own_pages(self) -> OwnPages:
        return [
            ("<int:pk>/again/", self.again, "wallet_settle_again"),
            ("<int:pk>/explain/", self.explain, "wallet_explain"),
            ("<int:pk>/csv/", self.export, "wallet_settlement_csv"),
            ("<str:provider>/<str:day>/settle/", self.settle, "wallet_settle_day"),
        ]

    @requires(MAY_SETTLE)
    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(SettlementDay, pk=pk)
        return took_step(request, lambda: settle(row.provider, row.day))

    @requires(MAY_SETTLE)
    def settle(self, request: HttpRequest, provider: str, day: str) -> HttpResponse:
        try:
            on = date.fromisoformat(day)
        except ValueError:
            raise Http404 from None
        if (provider, on) not in settlements.missing_days():
            raise Http404
        return took_step(request, lambda: settle(provider, on))

    @requires(MAY_SETTLE)
    def explain(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say why it differs: it is no alarm any more, until the differences change."""
        row, form = get_object_or_404(SettlementDay, pk=pk), ExplainForm(request.POST or None)
        explained = submit_to_domain(
            form, lambda: settlements.explain(row.pk, note=form.cleaned_data["note"], actor_id=actor_of(request))
        )
        if explained is not None:
            self.log_change(request, row, form.cleaned_data["note"])
            messages.success(request, _("Thank you. The reason is on record, and the warning is gone."))
            return redirect("admin:wallet_stuck")
        back = reverse("admin:wallet_settlementday_change", args=[pk])
        title = _("Why does %(day)s with %(provider)s differ?") % {"day": row.day, "provider": row.provider}
        there = {"form": form, "back": back, "differing": self.differing(row)}
        return self.page(request, "admin/wallet/explain.html", title=title, submit=_("Save"), **there)

    @requires("wallet.view_settlementday")
    def export(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The day as CSV: each line of the ledger, and what only the provider has."""
        row = get_object_or_404(SettlementDay, pk=pk)
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="settlement-{row.day}-{row.pk}.csv"'
        # A spreadsheet takes it for its own encoding otherwise.
        answer.write("\ufeff")
        writer = csv.DictWriter(answer, COLUMNS)
        writer.writeheader()
        writer.writerows({name: as_text(value) for name, value in each.items()} for each in rows_of(row))
        return answer

    theirs = value_column(_("the provider’s sum"), "provider_sum", money)
    ours = value_column(_("the ledger’s sum"), "ledger_sum", money)
    checked = value_column(_("compared at"), "checked_at", day_and_time)
    by = value_column(_("by"), "actor.email")

    @column(_("differences"))
    def differing(self, row: SettlementDay) -> SafeString:
        """Each line that differs: what it is, and what either side says."""
        lines = (
            (
                each["about"] or each["reference"] or each["provider_reference"],
                gettext("provider: %(amount)s") % {"amount": amount_of(each["provider"])},
                gettext("ledger: %(amount)s") % {"amount": amount_of(each["ledger"])},
                each["currency"],
            )
            for each in row.differences
        )
        return format_html_join("", '<p class="break-words">{} · {} · {} · {}</p>', lines)

    @column(_("possible actions"))
    def steps(self, row: SettlementDay) -> SafeString:
        links = [link("wallet_settlement_csv", row.pk, _("CSV"))]
        if row.difference_count:
            links.append(link("wallet_explain", row.pk, _("Explain")))
        return listed(links)


def settle(provider: str, day: date) -> str:
    """Compare a day; return what came of it in words.

    :raises Unavailable: if the provider doesn't say
    """
    with asking_provider():
        settled = settlements.settle_day(provider, day)
    if not settled.difference_count:
        return gettext("%(day)s: both say the same.") % {"day": day}
    return gettext("%(day)s: %(count)d lines differ.") % {"day": day, "count": settled.difference_count}


def amount_of(amount: int | None) -> str:
    return gettext("nothing") if amount is None else money(amount)


def rows_of(row: SettlementDay) -> Iterator[dict[str, object]]:
    """The lines of the export, by column. Amounts are in minor units, as bookkeeping programs take them."""
    differing = {each["about"]: each for each in row.differences if each["about"]}
    for own in own_lines_of(row.provider, *bounds_of(row.day)):
        other = differing.get(own.about)
        yield {
            "day": row.day,
            "provider": row.provider,
            "line": own.about,
            "reference": own.reference,
            "provider_reference": own.provider_reference,
            "currency": own.currency,
            "ledger_amount": own.amount,
            "provider_amount": own.amount if other is None else other["provider"],
            "booked_at": own.booked_at.isoformat(),
            "differs": other is not None,
        }
    for each in row.differences:
        if each["ledger"] is None:
            known = {name: each[name] for name in ("reference", "provider_reference", "currency")}
            theirs = {"day": row.day, "provider": row.provider, "provider_amount": each["provider"], "differs": True}
            yield theirs | known


def as_text(value: object) -> object:
    """A value that no spreadsheet takes for a formula, whatever a provider calls its payments."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value

"""One price table for many dates of a concert: typed once, counted, applied to the dates that are ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import ROUND_SECONDS, requires
from concert_site.lib.formats import day_and_time, in_major, money, thousands
from concert_site.lib.web.converters import id_in
from reservations.admin.series import page_of
from reservations.domain import prices as domain
from reservations.models import Concert, ConcertSchedule
from reservations.queries import prices as read

CHANGED_BEFORE, DONE_BEFORE = "changed_before", "done_before"


@dataclass(frozen=True, slots=True)
class Counts:
    """Seats that were changed, dates that were done, in all rounds so far; and the dates that are left."""

    changed: int
    done: int
    left: list[int]


class PriceTableForm(forms.Form):
    """A price for each category, empty ones stay; the dates that are ticked, each with the version that was shown."""

    def __init__(
        self,
        dates: Sequence[ConcertSchedule],
        categories: Sequence[read.CategoryAcrossDates],
        *args: Any,  # Any: as Django has it
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.dates, self.categories = dates, categories
        for each in categories:
            self.fields[field_of(each.name)] = fields.MoneyField(label=each.name, required=False, min_value=in_major(1))
        named = [(date.pk, day_and_time(date.concert_at, date.concert.time_zone)) for date in dates]
        self.fields["dates"] = forms.TypedMultipleChoiceField(
            label=_("Dates"),
            choices=named,
            coerce=int,
            initial=[date.pk for date in dates],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
        )

    def clean(self) -> dict[str, Any] | None:  # Any: Django's signature
        cleaned = super().clean()
        if not self.errors and not self.prices():
            self.add_error(None, _("Give at least one price."))
        return cleaned

    def rows(self) -> list[tuple[read.CategoryAcrossDates, str, Any]]:  # Any: a bound field
        return [(each, prices_now(each), self[field_of(each.name)]) for each in self.categories]

    def prices(self) -> dict[str, int]:
        sent = {each.name: self.cleaned_data.get(field_of(each.name)) for each in self.categories}
        return {name: price for name, price in sent.items() if price is not None}

    def versions(self) -> dict[int, int]:
        """The version of each ticked date that was shown with the numbers; -1 where none was."""
        sent = {pk: id_in(self.data.get(f"version_{pk}", "")) for pk in self.cleaned_data["dates"]}
        return {pk: -1 if version is None else version for pk, version in sent.items()}


def field_of(category: str) -> str:
    """The field of a category: by its name, since the order of categories changes with their prices."""
    return f"price_{sha256(category.encode()).hexdigest()[:16]}"


def prices_now(category: read.CategoryAcrossDates) -> str:
    if category.lowest == category.highest:
        return money(category.lowest)
    return f"{money(category.lowest)} – {money(category.highest)}"


@requires("reservations.change_concertseat")
def price_table_page(admin: StaffAdmin, request: HttpRequest, concert_id: int) -> HttpResponse:
    """Type prices, look at what they change, apply them; each POST with `apply` is a round."""
    concert = get_object_or_404(Concert.objects.select_related("venue"), pk=concert_id)
    dates = read.dates_with_seats(concert.pk)
    groups = read.groups_of([date.pk for date in dates])
    form = PriceTableForm(dates, read.categories_across_dates(groups), request.POST or None)
    changes = None
    if form.is_valid():
        if "apply" in request.POST and request.POST.get("seen") == seen_in(form):
            answer = apply(admin, request, concert, form)
            if answer is not None:
                return answer
            # As it is now, so that the numbers that are shown next are those that count.
            dates = read.dates_with_seats(concert.pk)
            groups = read.groups_of([date.pk for date in dates])
            form.dates = dates
        elif "apply" in request.POST:
            messages.warning(request, _("Look at the numbers first: something was changed since they were shown."))
        chosen = set(form.cleaned_data["dates"])
        changes = read.changes_of([row for row in groups if row.schedule_id in chosen], form.prices())
    return admin.page(
        request,
        "admin/reservations/price_table.html",
        title=_("Prices"),
        subtitle=concert.name,
        form=form,
        changes=changes,
        to_change=sum(each.changed for each in changes or ()),
        seen=seen_in(form) if changes is not None else "",
        back=page_of(concert.pk),
    )


def seen_in(form: PriceTableForm) -> str:
    """The prices and dates of a valid form: who presses the button has looked at just these."""
    parts = (sorted(form.prices().items()), sorted(form.cleaned_data["dates"]))
    return sha256(repr(parts).encode()).hexdigest()[:32]


def apply(admin: StaffAdmin, request: HttpRequest, concert: Concert, form: PriceTableForm) -> HttpResponse | None:
    """A round; None, and an error of the form, if the domain refuses."""
    change = partial(domain.change_prices, versions=form.versions(), prices=form.prices(), seconds=ROUND_SECONDS)
    done = submit_to_domain(form, change)
    if done is None:
        return None
    said = ", ".join(f"{name} {money(price)}" for name, price in form.prices().items())
    log_on_dates(admin, request, form, done.changed, said)
    changed = sent_count(request, CHANGED_BEFORE) + sum(done.changed.values())
    if done.left:
        counts = Counts(changed, sent_count(request, DONE_BEFORE) + len(done.changed), done.left)
        return progress_page(admin, request, concert, form, counts=counts)
    text = ngettext(
        "%(count)s seat changed its price: %(prices)s.", "%(count)s seats changed their price: %(prices)s.", changed
    )
    messages.success(request, text % {"count": thousands(changed), "prices": said})
    return redirect(page_of(concert.pk))


def sent_count(request: HttpRequest, name: str) -> int:
    """What the rounds before have done, as the form carries it."""
    return id_in(request.POST.get(name, "")) or 0


def log_on_dates(
    admin: StaffAdmin, request: HttpRequest, form: PriceTableForm, changed: Mapping[int, int], said: str
) -> None:
    for date in form.dates:
        if changed.get(date.pk):
            text = _("New prices: %(prices)s (%(count)s seats)")
            admin.log_change(request, date, text % {"prices": said, "count": thousands(changed[date.pk])})


def progress_page(
    admin: StaffAdmin, request: HttpRequest, concert: Concert, form: PriceTableForm, *, counts: Counts
) -> HttpResponse:
    """A round is over and the next one follows with the dates that are left."""
    names = [field_of(each.name) for each in form.categories]
    form.cleaned_data["dates"] = counts.left
    sent: list[tuple[str, object]] = [("apply", "1"), ("seen", seen_in(form))]
    sent += [(CHANGED_BEFORE, counts.changed), (DONE_BEFORE, counts.done)]
    sent += [(name, request.POST.get(name, "")) for name in names]
    for pk in counts.left:
        sent += [("dates", pk), (f"version_{pk}", request.POST.get(f"version_{pk}", ""))]
    return admin.page(
        request,
        "admin/reservations/dates_progress.html",
        title=_("Changing prices"),
        subtitle=concert.name,
        made=counts.done,
        left=len(counts.left),
        sent=sent,
        back=page_of(concert.pk),
    )

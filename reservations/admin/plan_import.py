"""A seating plan becomes the seats of a schedule: upload it, look at it and price it, save."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldBooleanWidget

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import StaffAdmin, actor_of
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.formats import in_major, thousands
from reservations.admin.plan_form import PlanForm
from reservations.admin.schedule_view import ADDING_SEATS, PREFIX, report_done, schedule_page, schedule_view
from reservations.domain import plan_uploads, seat_setup
from reservations.halls.drawing import draw_hall
from reservations.halls.hall import LONGEST, Hall
from reservations.halls.plans import Plan, read_plan
from reservations.models import ConcertSchedule
from reservations.queries.halls import section_sizes

LONGEST_NAME = 100


# --- Upload ----------------------------------------------------------------------------------------


@schedule_view(*ADDING_SEATS)
def upload_page(admin: StaffAdmin, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
    seat_setup.require_no_seats(schedule.pk)
    form = PlanForm(request.POST, request.FILES) if request.method == "POST" else PlanForm()
    if request.method == "POST" and form.is_valid():
        key = plan_uploads.save_upload(form.content, user_id=actor_of(request), schedule_id=schedule.pk)
        # The file is read anew on the next page, and so is what was typed beside it.
        beside = {"category": category} if (category := form.cleaned_data["category"]) else {}
        return redirect(reverse(f"admin:{PREFIX}_price_plan", args=[schedule.pk, key], query=beside))
    title = _("Import a seating plan")
    return schedule_page(admin, request, schedule, "admin/reservations/import_plan.html", title=title, form=form)


# --- Prices ----------------------------------------------------------------------------------------


class PricesForm(forms.Form):
    """A price for each category of a plan, and whether all of its seats are accessible."""

    def __init__(self, plan: Plan, *args: Any, **options: Any) -> None:  # Any: as Django has it
        super().__init__(*args, **options)
        self.plan = plan
        for nth, name in enumerate(plan.categories):
            self.fields[f"price_{nth}"] = fields.MoneyField(label=_("Price"), min_value=in_major(1))
            self.fields[f"accessible_{nth}"] = forms.BooleanField(
                label=_("Accessible"), required=False, widget=UnfoldBooleanWidget
            )
            for field in (f"price_{nth}", f"accessible_{nth}"):
                self.fields[field].widget.attrs["aria-label"] = f"{self.fields[field].label}: {name}"

    def rows(self) -> list[dict[str, object]]:
        seats = [seat for row in self.plan.rows for seat in row.seats]
        sizes = Counter(seat.category for seat in seats)
        accessible = Counter(seat.category for seat in seats if seat.is_accessible)
        return [
            {
                "name": name,
                "color": color,
                "seats": sizes[name],
                "already_accessible": accessible[name],
                "price": self[f"price_{nth}"],
                "accessible": self[f"accessible_{nth}"],
            }
            for nth, (name, color) in enumerate(self.plan.categories.items())
        ]

    def hall(self) -> Hall:
        names = list(enumerate(self.plan.categories))
        prices = {name: self.cleaned_data[f"price_{nth}"] for nth, name in names}
        return self.plan.hall(prices, {name for nth, name in names if self.cleaned_data[f"accessible_{nth}"]})


@schedule_view(*ADDING_SEATS)
def price_page(admin: StaffAdmin, request: HttpRequest, schedule: ConcertSchedule, key: str) -> HttpResponse:
    """Show what was read, ask for prices, save. The file is read anew each time: nothing is taken from the browser."""
    seat_setup.require_no_seats(schedule.pk)
    content = plan_uploads.read_upload(key, user_id=actor_of(request), schedule_id=schedule.pk)
    if content is None:
        messages.error(request, _("Please choose the file again: it was kept for an hour, for you alone."))
        return redirect(f"admin:{PREFIX}_import_plan", schedule.pk)
    plan = read_plan(content, category=request.GET.get("category", "")[: LONGEST["category"]])
    form = PricesForm(plan, request.POST if request.method == "POST" else None)
    hall = submit_to_domain(form, form.hall)
    if hall is not None:
        count = seat_setup.add_seats(schedule_id=schedule.pk, hall=hall)
        plan_uploads.delete_upload(key, user_id=actor_of(request), schedule_id=schedule.pk)
        return report_done(admin, request, schedule, imported_text(plan, count))
    return preview(admin, request, schedule, form)


def imported_text(plan: Plan, count: int) -> str:
    said = ngettext(
        "Imported the seating plan “%(name)s” with %(count)s seat.",
        "Imported the seating plan “%(name)s” with %(count)s seats.",
        count,
    )
    return said % {"name": plan.name[:LONGEST_NAME], "count": thousands(count)}


def preview(admin: StaffAdmin, request: HttpRequest, schedule: ConcertSchedule, form: PricesForm) -> HttpResponse:
    plan = form.plan
    return schedule_page(
        admin,
        request,
        schedule,
        "admin/reservations/price_plan.html",
        title=_("Import a seating plan"),
        subtitle=plan.name[:LONGEST_NAME] or str(schedule),
        form=form,
        plan=plan,
        sections=section_sizes((row.section, row.name) for row in plan.rows for _seat in row.seats),
        drawing=draw_hall(plan.hall(dict.fromkeys(plan.categories, 1)), plan.name or _("Seating plan")),
        back=reverse(f"admin:{PREFIX}_import_plan", args=[schedule.pk]),
    )

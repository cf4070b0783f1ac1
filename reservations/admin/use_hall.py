"""A date gets its seats out of the library of halls; and a date's seats become a hall of the library."""

from functools import partial

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import StaffAdmin, actor_of
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.formats import thousands
from reservations.admin.schedule_view import ADDING_SEATS, change_page, may, report_done, schedule_page, schedule_view
from reservations.admin.series_form import HallPricesForm, plan_choices
from reservations.domain import halls, seat_setup
from reservations.halls.drawing import draw
from reservations.models import ConcertSchedule, HallVersion, VenueHall
from reservations.queries import halls as library

KEEPING = ("view_concertschedule", "add_venuehall")


@schedule_view(*ADDING_SEATS)
def use_hall_page(admin: StaffAdmin, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
    seat_setup.require_no_seats(schedule.pk)
    plans = library.choosable(schedule.concert)
    plan = chosen(plans, request)
    prices = None
    if plan is not None:
        is_sent = request.method == "POST" and request.POST.get("priced") == str(plan.pk)
        known = library.last_prices(schedule.concert_id, plan)
        prices = HallPricesForm(plan, request.POST if is_sent else None, known=known)
        if is_sent:
            use = partial(halls.use_hall, schedule_id=schedule.pk, plan_id=plan.pk)
            written = submit_to_domain(prices, lambda: use(prices=prices.prices()))
            if written is not None:
                return report_done(admin, request, schedule, said_of(plan, written))
    found = plan and library.plan_with_seats(plan.hall_id, plan.version)
    return schedule_page(
        admin,
        request,
        schedule,
        "admin/reservations/use_hall.html",
        title=_("Use a hall"),
        plans=plan_choices(plans),
        plan=plan,
        prices=prices,
        drawing=found and draw(found.layout, library.dots_of(found), found.hall.name),
        may_add_halls=may(request, ("add_venuehall",)),
        venue_id=schedule.concert.venue_id,
    )


def chosen(plans: list[HallVersion], request: HttpRequest) -> HallVersion | None:
    """The plan that was chosen; the only one, if there is no choice."""
    asked = request.POST.get("plan") or request.GET.get("plan") or ""
    by_id = {str(plan.pk): plan for plan in plans}
    return by_id.get(asked) or (plans[0] if len(plans) == 1 else None)


def said_of(plan: HallVersion, count: int) -> str:
    text = ngettext(
        "Added %(count)s seat of the hall “%(hall)s”, version %(version)d.",
        "Added %(count)s seats of the hall “%(hall)s”, version %(version)d.",
        count,
    )
    return text % {"count": thousands(count), "hall": plan.hall.name, "version": plan.version}


class KeepAsHallForm(forms.Form):
    """What the hall is called in the library."""

    name = fields.CharField(
        label=gettext_lazy("Name of the hall"),
        max_length=VenueHall._meta.get_field("name").max_length,  # noqa: SLF001  Django's public API
    )


@schedule_view(*KEEPING)
def keep_hall_page(admin: StaffAdmin, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
    venue = schedule.concert.venue
    if venue is None:
        messages.error(request, _("Give the concert a venue first: a hall belongs to one."))
        return redirect(change_page(schedule.pk))
    form = KeepAsHallForm(request.POST or None)
    kept = submit_to_domain(
        form,
        lambda: halls.keep_as_hall(
            schedule_id=schedule.pk, venue_id=venue.pk, name=form.cleaned_data["name"], actor_id=actor_of(request)
        ),
    )
    if kept is not None:
        text = _("The seats of this date are in the library now, as “%(hall)s”.") % {"hall": kept.name}
        return report_done(admin, request, schedule, text)
    return schedule_page(
        admin,
        request,
        schedule,
        title=_("Keep as a hall"),
        explanation=_(
            "Seats, map and categories go into the library of %(venue)s, without prices and without what is sold."
        )
        % {"venue": venue.name},
        form=form,
        submit=_("Keep as a hall"),
    )

"""What staff do to one date beside changing its times: each a page of its own, reached from the date's page."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.once import make_once
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.errors import Conflict
from concert_site.lib.formats import day_and_time, thousands
from concert_site.lib.stale import ChangedMeanwhile
from concert_site.lib.web.converters import id_in
from reservations.admin import plan_import, use_hall
from reservations.admin.date_pages import held_and_waiting
from reservations.admin.grid_form import GRID, hall_from_grid, section_sums
from reservations.admin.schedule_forms import TIMES, CopyForm, SaleSettingsForm
from reservations.admin.schedule_view import (
    ADDING_SEATS,
    PREFIX,
    REMOVING_SEATS,
    change_page,
    may,
    report_done,
    schedule_page,
    schedule_view,
)
from reservations.admin.venue_clocks import clocks_text
from reservations.domain import sale_settings, schedules, seat_setup
from reservations.halls import grids
from reservations.halls.drawing import draw, draw_hall
from reservations.halls.hall import Hall
from reservations.models import ConcertSchedule
from reservations.queries import staff
from reservations.queries.date_impact import date_impact

# How many rows "more sections" adds.
MORE = 3


class SchedulePages(StaffAdmin):
    """The pages, for the admin of schedules."""

    def own_pages(self) -> OwnPages:
        pages: dict[str, Callable[..., HttpResponse]] = {
            "add_seats": self.add_seats_page,
            "remove_seats": self.remove_seats_page,
            "map": self.map_page,
            "copy": self.copy_page,
            "close_sale": self.close_sale_page,
            "waiting_room": self.waiting_room_page,
            "pause": partial(self.pause, is_paused=True),
            "resume": partial(self.pause, is_paused=False),
            "import_plan": partial(plan_import.upload_page, self),
            "use_hall": partial(use_hall.use_hall_page, self),
            "keep_hall": partial(use_hall.keep_hall_page, self),
        }
        ours = [
            (f"<int:schedule_id>/{name.replace('_', '-')}/", page, f"{PREFIX}_{name}") for name, page in pages.items()
        ]
        priced = (
            "<int:schedule_id>/import-plan/<slug:key>/",
            partial(plan_import.price_page, self),
            f"{PREFIX}_price_plan",
        )
        return [*ours, priced, *super().own_pages()]

    def may_add_seats(self, request: HttpRequest) -> bool:
        return may(request, ADDING_SEATS)

    def may_remove_seats(self, request: HttpRequest) -> bool:
        return may(request, REMOVING_SEATS)

    # --- Seats -----------------------------------------------------------------------------------

    @schedule_view(*ADDING_SEATS)
    def add_seats_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        if request.method != "POST":
            seat_setup.require_no_seats(schedule.pk)
        sections = GRID(request.POST or None, prefix="sections")
        wants = {name for name in ("more", "save") if name in request.POST}
        hall = None
        if request.method == "POST" and "more" not in wants:
            hall = hall_from_grid(sections)
        if hall and "save" in wants and (count := added_seats(schedule, hall, sections)):
            return report_done(
                self, request, schedule, _("Added %(count)s seats from a grid.") % {"count": thousands(count)}
            )
        if "more" in wants:
            sections = GRID(more_rows(request), prefix="sections")
        return schedule_page(
            self,
            request,
            schedule,
            "admin/reservations/grid.html",
            title=_("Add seats from a grid"),
            sections=sections,
            hall=hall,
            sums=hall and section_sums(hall),
            drawing=hall and draw_hall(hall, str(schedule)),
        )

    @schedule_view(*REMOVING_SEATS)
    def remove_seats_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        if request.method == "POST":
            count = seat_setup.remove_seats(schedule_id=schedule.pk)
            return report_done(self, request, schedule, _("Removed all %(count)s seats.") % {"count": thousands(count)})
        text = _("%(count)s seats and the map go; the date stays, and you can give it other seats.")
        return schedule_page(
            self,
            request,
            schedule,
            form=forms.Form(),
            title=_("Remove all seats?"),
            explanation=text % {"count": thousands(schedule.seats.count())},
            submit=_("Remove all seats"),
        )

    @schedule_view("view_concertschedule")
    def map_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """The hall as fans see it, without what is sold."""
        dots = list(schedule.seats.order_by("pk").values_list("x", "y", "category"))
        return schedule_page(
            self,
            request,
            schedule,
            "admin/reservations/map.html",
            title=_("Map"),
            drawing=draw(schedule.layout, dots, str(schedule)),
            categories=staff.by_category(schedule.pk),
        )

    @schedule_view("add_concertschedule", *ADDING_SEATS)
    def copy_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """The same hall on another evening; once, however often the form is sent."""
        return make_once(request, lambda: self.copied(request, schedule))

    def copied(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        form = CopyForm(request.POST or None)
        copy = submit_to_domain(
            form,
            lambda: schedules.copy_schedule(
                schedule_id=schedule.pk, **{ours: form.cleaned_data[name] for name, ours in TIMES.items()}
            ),
        )
        if copy is None:
            texts = {"title": _("Copy this date"), "explanation": clocks_text(), "submit": _("Copy")}
            return schedule_page(self, request, schedule, form=form, **texts)
        self.log_addition(request, copy, _("Copied from %(source)s.") % {"source": schedule})
        return report_done(
            self,
            request,
            copy,
            _("This is the copy: the sale opens %(opens)s and closes %(closes)s.")
            % {"opens": day_and_time(copy.reservation_available_at), "closes": day_and_time(copy.deadline_at)},
        )

    # --- The sale --------------------------------------------------------------------------------

    @schedule_view("change_concertschedule")
    def close_sale_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        if request.method == "POST":
            schedules.close_sale(schedule_id=schedule.pk)
            return report_done(self, request, schedule, _("Closed the sale."))
        text = _("Nobody can join or choose seats any more, and whoever waits is told so. Holds can still be paid.")
        return schedule_page(
            self,
            request,
            schedule,
            form=forms.Form(),
            title=_("Close the sale now?"),
            explanation=f"{text} {held_and_waiting(date_impact(schedule.pk))}.",
            submit=_("Close the sale"),
        )

    @schedule_view("change_concertschedule")
    def waiting_room_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """Cap, limit and message; who saves learns what others changed meanwhile."""
        form = SaleSettingsForm(schedule, request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid() and not form.has_changed():
            messages.info(request, _("Nothing was changed, so nothing was saved."))
            return redirect(change_page(schedule.pk))
        try:
            said = submit_to_domain(form, lambda: change_waiting_room(schedule, form))
        except ChangedMeanwhile:
            schedule.refresh_from_db(fields=list(form.fields))
            form, said = SaleSettingsForm(schedule, request.POST), None
        if said is not None:
            return report_done(self, request, schedule, said)
        title = _("Waiting room")
        return schedule_page(self, request, schedule, form=form, title=title, submit=_("Save"))

    @schedule_view("change_concertschedule")
    @method_decorator(require_POST)
    def pause(self, request: HttpRequest, schedule: ConcertSchedule, *, is_paused: bool) -> HttpResponse:
        sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_paused=is_paused)
        said = _("Paused the waiting room.") if is_paused else _("Resumed the waiting room.")
        return report_done(self, request, schedule, said)


def added_seats(schedule: ConcertSchedule, hall: Hall, sections: Any) -> int:  # Any: GRID's class
    """Give a date its seats; 0, and an error above what was typed, if somebody else has given it some."""
    try:
        seat_setup.require_no_seats(schedule.pk)
        return seat_setup.add_seats(schedule_id=schedule.pk, hall=hall)
    except Conflict as refusal:
        sections.non_form_errors().append(str(refusal.detail))
        return 0


def change_waiting_room(schedule: ConcertSchedule, form: SaleSettingsForm) -> str:
    """Write what was typed into a valid form; return what it was and is, in words."""
    changes: Any = {name: form.cleaned_data[name] for name in form.changed_data}  # Any: TypedDict out of a form
    before = {name: getattr(schedule, name) for name in changes}
    sale_settings.change_sale_settings(schedule_id=schedule.pk, shown=form.shown, **changes)
    said = ", ".join(
        f"{form.fields[name].label}: {before[name] or '–'} → {value or '–'}" for name, value in changes.items()
    )
    return _("Changed the waiting room. %(changes)s") % {"changes": said}


def more_rows(request: HttpRequest) -> Any:  # Any: a QueryDict, as forms take it
    sent = request.POST.copy()
    rows = id_in(sent.get("sections-TOTAL_FORMS", "")) or 0
    sent["sections-TOTAL_FORMS"] = str(min(rows + MORE, grids.MOST_SECTIONS))
    return sent

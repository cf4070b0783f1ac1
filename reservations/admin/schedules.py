"""Schedules: one date of a concert, when it is sold, and how its sale goes."""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from concert_site.lib.admin.base import add_domain_error
from concert_site.lib.admin.columns import ChoiceFilter, column, value_column
from concert_site.lib.admin.domain_admin import AnyForm, DomainAdmin
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import day_and_time, thousands
from concert_site.lib.web.converters import id_in
from concert_site.lib.zones import zone_of
from queueing import queries as line
from reservations.admin import cells
from reservations.admin.date_pages import DatePages, date_panel
from reservations.admin.draws import draw_summary
from reservations.admin.hall_map import HallMapPages
from reservations.admin.schedule_forms import TIMES
from reservations.admin.schedule_pages import SchedulePages
from reservations.admin.seats import OF_SCHEDULE
from reservations.admin.venue_clocks import clocks_text, on_clocks
from reservations.domain import schedules
from reservations.domain.schedules import ScheduleTimes
from reservations.models import ConcertSchedule, ConcertSeat, ConcertStatus
from reservations.queries import staff
from reservations.queries.bookings import was_booked


class ScheduleForm(AnyForm):
    """When a date is played and sold, in the venue's time. Its day is never typed: it follows from when it starts."""

    class Meta:
        model = ConcertSchedule
        fields = ("concert", *TIMES, "queue_max_active", "tickets_per_fan")
        help_texts = {
            "queue_max_active": _("How many fans choose seats at the same time; the others wait in line."),
            "tickets_per_fan": _("How many seats of this date one fan may have."),
        }

    def clean(self) -> dict[str, Any] | None:  # Any: Django's signature
        """Judge the times together; a time that isn't in the form is as it was."""
        cleaned = super().clean()
        moments = {ours: self.cleaned_data.get(name, getattr(self.instance, name)) for name, ours in TIMES.items()}
        if not self.errors:
            try:
                schedules.require_valid_times(ScheduleTimes(**moments))
            except DomainError as refusal:
                add_domain_error(self, refusal)
        return cleaned


class ScheduleStateFilter(ChoiceFilter):
    """Dates by where their sale stands."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # Any: as Django has it
        return list(staff.ScheduleState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[ConcertSchedule]) -> QuerySet[ConcertSchedule]:
        """The dates in the state that was chosen; a word that is no state chooses none."""
        chosen = self.value()
        if chosen not in staff.ScheduleState.values:
            return queryset
        return staff.in_schedule_state(queryset, chosen)


@admin.register(ConcertSchedule)
class ScheduleAdmin(HallMapPages, DatePages, SchedulePages, DomainAdmin):
    form = ScheduleForm
    list_display = ("name", "date", "opens", "closes", "state", "seats", "waiting_room")
    list_filter = (
        ("concert", AutocompleteSelectFilter),
        ("concert_date", RangeDateFilter),
        ScheduleStateFilter,
        "queue_paused",
    )
    list_filter_submit = True
    search_fields = ("concert__name", "concert__host")
    search_help_text = _("Name or host of the concert")
    autocomplete_fields = ("concert",)
    ordering = ("-concert_at", "-pk")
    list_per_page = 25
    show_full_result_count = False
    change_form_outer_before_template = "admin/reservations/schedule_summary.html"
    change_form_before_template = "admin/reservations/moving.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConcertSchedule]:
        """Dates with their concert, without the seed of the draw; the list has the counts of their seats, too."""
        rows: QuerySet[ConcertSchedule] = super().get_queryset(request)
        if self.is_list(request):
            return staff.schedules(rows)
        return rows.select_related("concert__venue").defer("draw_seed", "layout")

    name = value_column(_("concert"), "concert.name", ordering="concert__name")

    @column(_("date"), ordering="concert_at")
    def date(self, schedule: ConcertSchedule) -> str:
        return cells.date_and_time(schedule)

    @column(_("sale opens"), ordering="reservation_available_at")
    def opens(self, schedule: ConcertSchedule) -> str:
        return day_and_time(schedule.reservation_available_at, schedule.concert.time_zone)

    @column(_("sale closes"), ordering="deadline_at")
    def closes(self, schedule: ConcertSchedule) -> str:
        return day_and_time(schedule.deadline_at, schedule.concert.time_zone)

    @column(_("state"), label=cells.COLORS)
    def state(self, schedule: ConcertSchedule) -> tuple[str, str]:
        found = staff.schedule_state(schedule)
        return found.value, str(found.label)

    @column(_("seats"))
    def seats(self, schedule: ConcertSchedule) -> str:
        return cells.seats(staff.seat_counts(schedule))

    @column(_("fans inside at once"), ordering="queue_max_active")
    def waiting_room(self, schedule: ConcertSchedule) -> str:
        return str(_("paused")) if schedule.queue_paused else thousands(schedule.queue_max_active)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Nobody finds out the seed of a draw by asking for the dates whose seed is such."""
        return not lookup.startswith("draw_seed") and super().lookup_allowed(lookup, value, request)

    # --- The form --------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,  # Any: as Django has it
    ) -> HttpResponse:
        """The page of a date, on the clocks of its venue: what is shown, and what is typed."""
        show = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return on_clocks(clocks_of(request, object_id), show)

    def get_form(self, request: HttpRequest, *args: Any, **kept: Any) -> type[AnyForm]:  # Any: Django's signature
        """The form, which says whose clocks its times are on."""
        form: type[AnyForm] = super().get_form(request, *args, **kept)
        if "concert_at" in form.base_fields:
            form.base_fields["concert_at"].help_text = clocks_text()
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # Any: as Django has it
        """The limits are set once here; while a sale runs they are the waiting room's page."""
        limits = () if obj else ("queue_max_active", "tickets_per_fan")
        opening = "opens" if is_drawn(obj) else "reservation_available_at"
        playing = "date" if is_fixed(obj) else "concert_at"
        return [(None, {"fields": ("concert", playing, opening, "deadline_at", *limits)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # Any: as Django has it
        """The concert stays; so does an opening that numbers were drawn for, and the day that fans have booked.

        That is changed by a step of its own (reservations.admin.date_pages).
        """
        if obj is None:
            return ()
        fixed = {"opens": is_drawn(obj), "date": is_fixed(obj)}
        return ("concert", *(name for name, is_so in fixed.items() if is_so))

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.autocomplete_fields

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        sent = form.cleaned_data
        if obj is None:
            return schedules.add_schedule(
                concert_id=sent["concert"].pk,
                times=ScheduleTimes(**{ours: sent[name] for name, ours in TIMES.items()}),
                queue_max_active=sent["queue_max_active"],
                tickets_per_fan=sent["tickets_per_fan"],
            )
        times = {ours: sent[name] for name, ours in TIMES.items() if name in form.changed_data}
        schedules.change_times(schedule_id=obj.pk, shown=form.shown, **times)
        return obj

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:  # Any: Django's signature
        """Django's, and a warning if fans wait for an opening that may have been moved."""
        self.warn_of_lobby(request, obj)
        return super().response_change(request, obj)

    def warn_of_lobby(self, request: HttpRequest, changed: ConcertSchedule) -> None:
        fans = line.count_gathered(changed.pk)
        if fans:
            text = ngettext(
                "%(count)s fan stands in the waiting room; numbers are drawn when the sale opens: %(opening)s.",
                "%(count)s fans stand in the waiting room; numbers are drawn when the sale opens: %(opening)s.",
                fans,
            )
            said = {"count": thousands(fans), "opening": day_and_time(changed.reservation_available_at)}
            self.message_user(request, text % said, messages.WARNING)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:  # Any: Django's signature
        """On to the page of the new date, where its seats are made."""
        return redirect("admin:reservations_concertschedule_change", obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # Any: Django's signature
        """Who may delete a date: with its seats, where it has some."""
        may: bool = super().has_delete_permission(request, obj)
        return may and (obj is None or self.may_remove_seats(request) or not obj.seats.exists())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # Any: Django's signature
        """What the question shows: the date, and how many seats go with it."""
        names, counts, perms, kept = super().get_deleted_objects(objs, request)
        seats = ConcertSeat.objects.filter(concert_schedule__in=[obj.pk for obj in objs]).count()
        return names, counts | ({_("Seats"): seats} if seats else {}), perms, kept

    def kept_by(self, obj: Model) -> list[str]:
        """Whoever booked it, or stood in its line, even if nothing is left of it."""
        reasons = {_("Bookings, also past ones"): was_booked, _("A waiting line, also a past one"): line.had_a_line}
        return [str(reason) for reason, keeps in reasons.items() if keeps(obj.pk)]

    def remove(self, obj: Model) -> None:
        schedules.delete_schedule(schedule_id=obj.pk)

    # --- The page of one date ----------------------------------------------------------------------

    def summary(self, request: HttpRequest, schedule: Any) -> dict[str, Any]:  # Any: values of a template
        categories = staff.by_category(schedule.pk)
        seats = staff.total_counts(categories)
        fresh = staff.schedules(ConcertSchedule.objects.filter(pk=schedule.pk)).get()
        return {
            "schedule": fresh,
            "state": staff.schedule_state(fresh),
            "categories": categories,
            "seats": seats,
            "booked": seats.sold + seats.held,
            "draw": draw_summary(fresh),
            "waiting": line.count_waiting(schedule.pk),
            "inside": line.count_inside(schedule.pk),
            "seats_url": reverse("admin:reservations_concertseat_changelist", query={OF_SCHEDULE: schedule.pk}),
            "map_url": reverse("admin:reservations_concertschedule_map", args=[schedule.pk]),
            "date": date_panel(request, fresh),
            "may_change": self.has_change_permission(request, schedule),
            "may_add_seats": self.may_add_seats(request),
            "may_remove_seats": self.may_remove_seats(request),
            "may_copy": self.has_add_permission(request),
            "may_publish": bool(categories)
            and fresh.concert.status == ConcertStatus.UNAVAILABLE
            and request.user.has_perm("reservations.change_concert"),
        }


def clocks_of(request: HttpRequest, object_id: str | None) -> ZoneInfo:
    """The zone of the concert of a date, or of the one that is chosen for a new date."""
    if object_id is None:
        concert_id = id_in(request.POST.get("concert") or request.GET.get("concert") or "")
        return zone_of(schedules.zone_of_concert(concert_id) if concert_id else None)
    rows = ConcertSchedule.objects.filter(pk=id_in(object_id) or 0)
    return zone_of(rows.values_list("concert__venue__time_zone", flat=True).first())


def is_fixed(schedule: Any) -> bool:  # Any: as below
    """Whether a date is played when fans have booked it for, or not at all, so that no form changes that by the way.

    Django asks several times for one page, PostgreSQL is asked once a row.
    """
    if schedule is None or schedule.canceled_at is not None:
        return schedule is not None
    if not hasattr(schedule, "is_booked"):
        schedule.is_booked = schedules.is_booked(schedule.pk)
    return bool(schedule.is_booked)


def is_drawn(schedule: Any) -> bool:  # Any: a row of the admin's model, or None, as Django's signatures have it
    """Whether numbers were drawn for a date's opening, so that it stays as it was."""
    return schedule is not None and schedule.drawn_at is not None

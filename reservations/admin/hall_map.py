"""The hall of a date as staff see it: choose seats on the map or from lists, and say what is to become of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import orjson
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.cache import TTLCache
from concert_site.lib.formats import clock, money, script_money, thousands
from concert_site.lib.id_ranges import format_ranges, parse_ranges
from concert_site.lib.json import to_json
from concert_site.lib.web.conditional import json_of
from concert_site.lib.web.converters import id_in
from reservations.admin.hall_steps import KEEP, STEPS, SeatStep
from reservations.admin.schedule_view import PREFIX, schedule_page, schedule_view
from reservations.domain import named_holds, seats
from reservations.halls.columns import hall_columns
from reservations.halls.seat_names import seat_name
from reservations.models import ConcertSchedule, ConcertSeat
from reservations.queries import hall_states, seat_map
from reservations.queries.hall_states import SeatDetails

KEPT_SECONDS = 3600
# Boxes on a page; a longer section comes in portions.
MOST_LISTED = 600
VIEW = ("view_concertseat",)
COUNTER = ("payments.sell_at_counter", "payments.give_complimentary")
SEES_FANS = "reservations.view_reservation"
# By schedule and version of its layout: staff look at halls that the public doesn't see yet.
_columns: TTLCache[bytes] = TTLCache(most=8)


class HallMapPages(StaffAdmin):
    """The pages of the hall, for the admin of schedules."""

    def own_pages(self) -> OwnPages:
        pages = {
            "": (self.hall_page, "hall"),
            "seats.json": (self.hall_seats, "hall_seats"),
            "states.json": (self.hall_codes, "hall_states"),
            "who.json": (self.hall_who, "hall_who"),
            "named/": (self.named_page, "hall_named"),
            "named/<int:named_hold_id>/release/": (self.release_named, "hall_release_named"),
            "step/<slug:step>/": (self.hall_step, "hall_step"),
        }
        ours = [
            (f"<int:schedule_id>/hall/{address}", page, f"{PREFIX}_{name}") for address, (page, name) in pages.items()
        ]
        return [*ours, *super().own_pages()]

    # --- Looking -----------------------------------------------------------------------------------

    @schedule_view(*VIEW)
    def hall_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """The map, and without JavaScript (or by choice) one section as boxes to tick."""
        section = request.GET.get("section")
        portion = max(1, id_in(request.GET.get("portion", "")) or 1)
        ids = [] if section is None else seats_in(schedule, section)
        listed = ids[MOST_LISTED * (portion - 1) : MOST_LISTED * portion]
        told = hall_states.seat_details(schedule.pk, listed) if listed else []
        sections = schedule.seats.order_by().values_list("section", flat=True).distinct()
        return schedule_page(
            self,
            request,
            schedule,
            "admin/reservations/hall.html",
            title=_("Hall"),
            section=section,
            rows=rows_of(told),
            portion=portion,
            portions=range(1, -(-len(ids) // MOST_LISTED) + 1),
            sections=sorted(sections),
            sees_fans=request.user.has_perm(SEES_FANS),
            steps=[(name, step.title) for name, step in STEPS.items() if request.user.has_perm(step.permission)],
            may_sell=any(request.user.has_perm(each) for each in COUNTER),
            texts=script_texts(),
            **script_money(),
        )

    @schedule_view(*VIEW)
    def hall_seats(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        key = f"{schedule.pk}-{schedule.layout_version}"
        return json_of(_columns.get_or_build(key, lambda: (columns_of(schedule.pk), KEPT_SECONDS)))

    @schedule_view(*VIEW)
    def hall_codes(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        """The state of every seat: a letter each, in the order of the map."""
        return JsonResponse({"layout_version": schedule.layout_version, "seats": hall_states.hall_codes(schedule.pk)})

    @schedule_view(*VIEW)
    def hall_who(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        ids = (parse_ranges(request.GET.get("seats", "")) or [])[: hall_states.MOST_TOLD]
        sees_fans = request.user.has_perm(SEES_FANS)
        told = hall_states.seat_details(schedule.pk, ids)
        return JsonResponse(
            {"seats": [{"id": each.seat.pk, "text": line_of(each, sees_fans=sees_fans)} for each in told]}
        )

    # --- Doing -------------------------------------------------------------------------------------

    @schedule_view(*VIEW)
    def hall_step(self, request: HttpRequest, schedule: ConcertSchedule, *, step: str) -> HttpResponse:
        """Say how many of the chosen seats a step touches and skips; then do it, once it is confirmed."""
        todo = STEPS.get(step)
        if todo is None or request.method != "POST":
            raise Http404
        if not request.user.has_perm(todo.permission):
            raise PermissionDenied
        ids = chosen_ids(request)
        if not ids:
            messages.warning(request, _("Choose seats first."))
            return redirect(hall_url(schedule.pk))
        form = todo.form(request.POST if "confirmed" in request.POST else None)
        if "confirmed" in request.POST:
            done = submit_to_domain(form, lambda: todo.run(request, schedule, ids, form))
            if done is not None:
                return self.stepped(request, schedule, todo, done, ids)
        counts = hall_states.chosen_counts(schedule.pk, ids)
        touched = todo.touches(counts)
        return schedule_page(
            self,
            request,
            schedule,
            "admin/reservations/hall_step.html",
            title=todo.title,
            submit=todo.title,
            says=todo.says,
            counts=counts,
            touched=touched,
            skipped=counts.total - touched,
            form=form,
            seats=format_ranges(ids),
            back=hall_url(schedule.pk),
        )

    def stepped(
        self,
        request: HttpRequest,
        schedule: ConcertSchedule,
        step: SeatStep,
        done: seats.ChangedSeats,
        ids: Sequence[int],
    ) -> HttpResponse:
        said = _("%(said)s: %(count)s.") % {"said": step.title, "count": thousands(done.changed)}
        if done.changed:
            self.log_change(request, schedule, f"{said} {names_of(ids)}")
            messages.success(request, said)
        if done.skipped:
            text = _("%(count)s skipped: held, sold, or so already.") % {"count": thousands(done.skipped)}
            messages.warning(request, text)
        return redirect(hall_url(schedule.pk))

    # --- Named holds -------------------------------------------------------------------------------

    @schedule_view(*VIEW)
    def named_page(self, request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse:
        return schedule_page(
            self,
            request,
            schedule,
            "admin/reservations/named_holds.html",
            title=_("Named holds"),
            named_holds=hall_states.named_holds_of(schedule.pk),
            may_release=request.user.has_perm(KEEP),
            back=hall_url(schedule.pk),
        )

    @schedule_view("manage_blocks")
    def release_named(self, request: HttpRequest, schedule: ConcertSchedule, *, named_hold_id: int) -> HttpResponse:
        found = get_object_or_404(hall_states.named_holds_of(schedule.pk), pk=named_hold_id)
        back = reverse(f"admin:{PREFIX}_hall_named", args=[schedule.pk])
        if request.method == "POST":
            count = named_holds.release(named_hold_id=found.pk)
            said = ngettext(
                "%(name)s: %(count)d seat is back on sale.", "%(name)s: %(count)d seats are back on sale.", count
            )
            said %= {"name": found.name, "count": count}
            self.note(request, schedule, said)
            return redirect(back)
        kept: int = found.kept  # type: ignore[attr-defined]  # annotated
        says = ngettext("%(count)d seat goes back on sale.", "%(count)d seats go back on sale.", kept) % {"count": kept}
        title, submit = _("Release %(name)s?") % {"name": found.name}, _("Release")
        return schedule_page(
            self, request, schedule, title=title, form=forms.Form(), explanation=says, submit=submit, back=back
        )


def hall_url(schedule_id: int) -> str:
    return reverse(f"admin:{PREFIX}_hall", args=[schedule_id])


def chosen_ids(request: HttpRequest) -> list[int]:
    """What was chosen: on the map as ranges of ids, in a list box by box."""
    sent = ",".join(text for text in [*request.POST.getlist("seats"), *request.POST.getlist("seat")] if text)
    return parse_ranges(sent) or []


def columns_of(schedule_id: int) -> bytes:
    """The map as columns, of a hall that may not be public."""
    return to_json(hall_columns(orjson.loads(seat_map.map_json(schedule_id))))


def seats_in(schedule: ConcertSchedule, section: str) -> list[int]:
    return list(schedule.seats.filter(section=section).order_by("pk").values_list("pk", flat=True))


def rows_of(told: Sequence[SeatDetails]) -> dict[str, list[SeatDetails]]:
    rows: dict[str, list[SeatDetails]] = {}
    for each in told:
        rows.setdefault(each.seat.row, []).append(each)
    return rows


def line_of(told: SeatDetails, *, sees_fans: bool) -> str:
    seat, booked = told.seat, told.reservation
    parts = [seat_name(seat), seat.category, money(seat.seat_price)]
    if told.is_free:
        parts.append(_("free"))
    elif told.named_hold is not None:
        parts += [told.named_hold.name, told.named_hold.owner if sees_fans else ""]
    elif booked is None:
        parts.append(str(seat.get_status_display()))
    else:
        parts.append(_("complimentary") if booked.complimentary else str(seat.get_status_display()))
        if booked.expired_at:
            parts.append(_("until %(time)s") % {"time": clock(booked.expired_at)})
        if sees_fans:
            parts += [booked.user.name, booked.user.email, booked.booking_reference]
    marks = [_("wheelchair place")] * seat.accessible + [_("companion’s seat")] * seat.companion
    return " · ".join(part for part in [*parts, *marks] if part)


def names_of(ids: Sequence[int]) -> str:
    first = ConcertSeat.objects.filter(pk__in=ids).order_by("pk")[:5]
    more = _(" and %d more") % (len(ids) - len(first)) if len(ids) > len(first) else ""
    return ", ".join(map(str, first)) + more


def script_texts() -> str:
    """What the map says, in the reader's language, as JSON; {braces} are filled in by the script."""
    return json.dumps(
        {
            "seat": _("{section}, row {row}, seat {seat}"),
            "A": _("free"),
            "T": _("held"),
            "R": _("sold"),
            "C": _("complimentary"),
            "U": _("off sale"),
            "N": _("named hold"),
            "chosen": _("chosen"),
            "accessible": _("wheelchair place"),
            "section": _("{section}: {left} seats left, {grades}, from {price}"),
            "section_full": _("{section}: nothing left"),
            "full_short": _("full"),
            "count_one": _("1 seat"),
            "count_many": _("{count} seats"),
            "language": get_language(),
            "stale": _("The connection is lost, so the map may be out of date."),
            "broken": _("The map can't be loaded. Choose from the list instead."),
        }
    )

"""What every page about one date shares: where it is, and who may see it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.errors import DomainError
from concert_site.lib.zones import zone_of
from reservations.admin.venue_clocks import on_clocks
from reservations.models import ConcertSchedule

Page = Callable[..., HttpResponse]
PREFIX = "reservations_concertschedule"
ADDING_SEATS = ("change_concertschedule", "add_concertseat")
REMOVING_SEATS = ("change_concertschedule", "delete_concertseat")


def change_page(schedule_id: int) -> str:
    return reverse(f"admin:{PREFIX}_change", args=[schedule_id])


def schedule_page(
    admin: StaffAdmin,
    request: HttpRequest,
    schedule: ConcertSchedule,
    template: str = "admin/reservations/schedule_form.html",
    **context: object,
) -> HttpResponse:
    """A page about one date, by itself that of a form; it leads back to the date's own."""
    frame = {"subtitle": str(schedule), "schedule": schedule, "back": change_page(schedule.pk)}
    return admin.page(request, template, **frame | context)


def report_done(admin: StaffAdmin, request: HttpRequest, schedule: ConcertSchedule, said: str) -> HttpResponse:
    """To the page of a date, which says what was done; the log has it, too."""
    admin.note(request, schedule, said)
    return redirect(change_page(schedule.pk))


def may(request: HttpRequest, permissions: tuple[str, ...]) -> bool:
    """Whether this member of staff has all these permissions of the app `reservations`."""
    return request.user.has_perms([f"reservations.{name}" for name in permissions])


def schedule_view(*permissions: str) -> Callable[[Page], Page]:
    """A page about one date, for staff who have all these permissions of the app `reservations`.

    What the domain refuses, and no form has shown, is said at the top of the date's page.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def page(admin: Any, request: HttpRequest, schedule_id: int, **kept: str) -> HttpResponse:  # Any: of schedules
            if not may(request, permissions):
                raise PermissionDenied
            schedule = get_object_or_404(admin.get_queryset(request), pk=schedule_id)
            try:
                return on_clocks(zone_of(schedule.concert.time_zone), lambda: view(admin, request, schedule, **kept))
            except DomainError as refusal:
                messages.error(request, str(refusal.detail))
                return redirect(change_page(schedule_id))

        return page

    return decorate

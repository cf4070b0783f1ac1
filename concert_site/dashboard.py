"""The admin's first page: what opens next, and how the open sales run."""

from typing import Any

from django.http import HttpRequest

from reservations.queries import onsales


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:  # Any: a template's context
    """Add the sales to the context of the index, for staff who may look at schedules."""
    user = request.user
    if user.has_perm("reservations.view_concertschedule") or user.has_perm("reservations.change_concertschedule"):
        context["onsales"] = onsales.onsales()
    return context

"""The admin's first page: what opens next, how the open sales run, and what is wrong or stuck."""

from typing import Any

from django.http import HttpRequest

from concert_site.operations import monitoring
from reservations.queries import onsales
from wallet.domain.stuck import count_stuck


def add_to_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:  # Any: a template's context
    """Add the sales to the context of the index, and what money is stuck, each for staff who may look at it."""
    user = request.user
    if user.has_perm("reservations.view_concertschedule") or user.has_perm("reservations.change_concertschedule"):
        context["onsales"] = sales = onsales.onsales()
        context["process_health"] = found = monitoring.process_health()
        context["warnings"] = monitoring.warnings(found, sales)
    if user.has_perm("wallet.view_topup"):
        context["stuck"] = count_stuck()
    return context

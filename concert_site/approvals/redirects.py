"""Where a page of staff leads when a step of theirs waits for a second person."""

from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from concert_site.approvals.errors import ApprovalRequired
from concert_site.lib.admin.pages import P, View


def to_approval(request: HttpRequest, waits: ApprovalRequired) -> HttpResponse:
    """To the page of what waits, saying so; for who may not see it, to the first page."""
    messages.warning(request, str(waits.detail))
    if request.user.has_perm("approvals.view_approval"):
        return redirect("admin:approvals_approval_change", waits.approval_id)
    return redirect("admin:index")


def leading_to_approval(view: View[P]) -> View[P]:
    """A page of an admin; a step above the ceiling of who takes it leads to where it waits."""

    @wraps(view)
    def guarded(admin: Any, request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(admin, request, *args, **kwargs)
        except ApprovalRequired as waits:
            return to_approval(request, waits)

    return guarded

"""Where a page of staff leads when a step of theirs waits for a second person."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from concert_site.approvals.errors import ApprovalRequired


def to_approval(request: HttpRequest, waits: ApprovalRequired) -> HttpResponse:
    """To the page of what waits, saying so; for who may not see it, to the first page."""
    messages.warning(request, str(waits.detail))
    if request.user.has_perm("approvals.view_approval"):
        return redirect("admin:approvals_approval_change", waits.approval_id)
    return redirect(reverse("admin:index"))

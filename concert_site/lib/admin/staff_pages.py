"""What is no model's of the admin: whose request it is, and a page for a form whose token is over."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from concert_site.lib.web.prefixes import ADMIN


def is_by_staff(request: HttpRequest) -> bool:
    """Whether a member of staff asks for a page of the admin."""
    return request.path.startswith(ADMIN) and request.user.is_staff


def send_again(request: HttpRequest) -> HttpResponse:
    """403: a form whose token is over, with what was typed, to be sent once more by who typed it."""
    sent = [(name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"]
    context = admin.site.each_context(request) | {
        "title": _("This page was open for too long"),
        "sent": sent,
        "lost_files": (request.content_type or "").startswith("multipart/"),
        "back": request.get_full_path(),
    }
    return render(request, "admin/send_again.html", context, status=403)

"""What crawlers may look at."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static

# The rest asks for a login, changes by the second, or costs a line its progress.
RULES = """User-agent: *
Disallow: /accounts/
Disallow: /admin/
Disallow: /api/
Disallow: /_allauth/
Disallow: /bookings/
Disallow: /reservations/
Disallow: /schedules/
Disallow: /wallet/
"""
A_DAY = "public, max-age=86400"


def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(RULES, content_type="text/plain", headers={"Cache-Control": A_DAY})


def icon(request: HttpRequest) -> HttpResponse:
    """For what asks for /favicon.ico without having read a page."""
    return HttpResponseRedirect(static("img/favicon.svg"), headers={"Cache-Control": A_DAY})

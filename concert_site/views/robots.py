"""What crawlers may look at."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.templatetags.static import static
from django.views.generic import RedirectView

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


class Icon(RedirectView):
    """For what asks for /favicon.ico without having read a page."""

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """The way to it, the same for everybody."""
        response = super().get(request, *args, **kwargs)
        response["Cache-Control"] = A_DAY
        return response

    def get_redirect_url(self, *args: object, **kwargs: object) -> str:
        return static("img/favicon.svg")

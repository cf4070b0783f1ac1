"""Who is at work, from a request of staff."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from concert_site.lib.admin.staff_pages import is_by_staff
from concert_site.trace.context import acting

READS = ("GET", "HEAD", "OPTIONS")


class ActorMiddleware:
    """Middleware: what a page of staff changes is traced to who is logged in. Others pay a look at their path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in READS or not is_by_staff(request):
            return self.get_response(request)
        with acting(request.user.pk, via=request.path):
            return self.get_response(request)

"""Pages of the admin that belong to no model: their frame, and who may open them."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from concert_site.lib.errors import NotFound

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def page(request: HttpRequest, template: str, *, title: object, **context: object) -> HttpResponse:
    """A page of ours in the admin's frame."""
    frame = admin.site.each_context(request) | {"title": title}
    return TemplateResponse(request, f"admin/{template}", frame | context)


def staff_page(*permissions: str) -> Callable[[View[P]], View[P]]:
    """A page behind the admin's login, for staff who have one of these permissions; what there isn't is a 404."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if permissions and not any(map(request.user.has_perm, permissions)):
                raise PermissionDenied
            try:
                return view(request, *args, **kwargs)
            except NotFound as error:
                raise Http404 from error

        return admin.site.admin_view(guarded)

    return decorate

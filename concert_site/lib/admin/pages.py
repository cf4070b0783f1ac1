"""What pages of our own below an admin share: how they are listed, and who may open them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

P = ParamSpec("P")
# Any: each admin's own class.
View = Callable[Concatenate[Any, HttpRequest, P], HttpResponse]
# The address of each page below its admin's, its view, and the name by which it is linked to.
OwnPages = Iterable[tuple[str, Callable[..., HttpResponse], str]]
# How long one request of a long step works, so that its page can say how far it is, and no web worker is kept for long.
ROUND_SECONDS = 2.0


def requires(*permissions: str) -> Callable[[View[P]], View[P]]:
    """A page for staff who hold one of these permissions; its view is an admin's method, or gets the admin first."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(admin: Any, request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not any(map(request.user.has_perm, permissions)):
                raise PermissionDenied
            return view(admin, request, *args, **kwargs)

        return guarded

    return decorate

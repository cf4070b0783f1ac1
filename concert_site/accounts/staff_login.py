"""The way into the admin: through the same login as everybody's, and with a second factor where the house wants it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from concert_site.accounts.second_factor import has_factor, is_proved
from concert_site.lib.web.pages import next_url


def may_enter(request: HttpRequest) -> bool:
    """Whether this session opens the admin: a member of staff's, made with a second factor if that is demanded."""
    if not (request.user.is_active and request.user.is_staff):
        return False
    return not settings.STAFF_SECOND_FACTOR or is_proved_once(request)


def is_proved_once(request: HttpRequest) -> bool:
    """Whether the second factor was shown; looked up once a request, though a page asks several times."""
    known: bool | None = getattr(request, "is_second_factor_proved", None)
    if known is None:
        known = is_proved(request, request.user)  # type: ignore[arg-type]  # staff have accounts of ours
        request.is_second_factor_proved = known  # type: ignore[attr-defined]
    return known


def login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Lead to what is missing: the login, a second factor to set up, or the one there is. Django's own has no limits.

    :raises PermissionDenied: for a fan, whom no other login of the same account would let in
    """
    wanted = next_url(request) or reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(wanted)
    if not request.user.is_staff:
        raise PermissionDenied
    if may_enter(request):
        return redirect(wanted)
    if has_factor(request.user):
        return redirect_to_login(wanted, "mfa_reauthenticate")
    messages.warning(request, _("Staff need two-step verification. Set it up to continue."))
    return redirect("mfa_index")

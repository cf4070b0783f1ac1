"""What only accounts may do that have shown that their address is theirs."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from concert_site.accounts.addresses import AddressUnverified, is_verified
from concert_site.accounts.tokens import UNVERIFIED
from concert_site.lib.api.authentication import Caller
from concert_site.lib.web.pages import next_url

P = ParamSpec("P")


class HasVerifiedAddress(BasePermission):
    """Refuses writes of accounts whose address nobody has shown to read. Others cost no query where a token says
    who calls.

    :raises AddressUnverified: if so
    """

    refusals = (AddressUnverified,)

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller may; who is nobody is another permission's matter."""
        if request.method in SAFE_METHODS or not settings.VERIFY_ADDRESSES:
            return True
        if not request.user.is_authenticated or is_trusted(request):
            return True
        if not is_verified(int(request.user.pk)):
            raise AddressUnverified
        return True


def is_trusted(request: Request) -> bool:
    """Whether the request's token was issued for an account whose address was verified by then: it stays so."""
    caller: object = request.user
    claims: object = request.auth
    return isinstance(caller, Caller) and isinstance(claims, dict) and UNVERIFIED not in claims


def verified(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Below `private_page`: forms of a page that are for verified accounts; others are led to enter the code.

    From there they come back to where the form leads, or to the page with the form.
    """

    @wraps(view)
    def for_verified(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method != "POST" or not settings.VERIFY_ADDRESSES or is_verified(int(request.user.pk or 0)):
            return view(request, *args, **kwargs)
        messages.info(request, str(AddressUnverified.detail))
        return redirect_to_login(next_url(request) or request.path, "verify_address")

    return for_verified

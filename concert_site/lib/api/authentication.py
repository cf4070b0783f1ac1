"""Who calls the API: a signed access token, checked without a query."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

# allauth imports cryptography late and piece by piece; with an RSA key a fresh process then failed at its first
# token. Imported here as a whole, it is there for everyone.
import cryptography.hazmat.primitives.serialization  # noqa: F401
from allauth.headless.tokens.strategies.jwt.internal import decode_token
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request


class Anonymous(AnonymousUser):
    """Nobody in particular."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of an access token, as its claims tell: no row is read.

    Domain functions take `user_id`; who needs more of the account reads it.
    """

    pk: int
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False

    @property
    def id(self) -> int:
        """The same as `pk`, for code that asks so."""
        return self.pk


@lru_cache(maxsize=4096)
def claims_of(token: str) -> dict[str, Any]:  # Any: claims are of every type
    """The claims of an access token of ours.

    Remembered, because a fan comes back with the same token and its signature stays what it is; its time
    doesn't, and is for the caller to look at. Refusals are not remembered.

    :raises NotAuthenticated: if it isn't one, was altered, or is over
    """
    claims: dict[str, Any] | None = decode_token(token, "access")
    if claims is None or not claims["sub"].isdecimal():
        raise NotAuthenticated
    return claims


class AccessToken(BaseAuthentication):
    """`Authorization: Bearer <access token>`, as allauth's headless login and refresh hand it out.

    allauth's own class resolves the user on the first look at it; this one reads the claims alone.
    """

    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[Caller, dict[str, object]] | None:
        """The caller and the claims; None without such a header.

        :raises NotAuthenticated: if the token is not ours, was altered, or is over
        """
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != self.keyword:
            return None
        claims = claims_of(token.strip().decode("ascii", "replace"))
        if claims.get("exp", 0) <= time.time():
            raise NotAuthenticated
        return Caller(pk=int(claims["sub"])), claims

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


def caller_id(request: Request) -> int:
    """The id of the caller, whom the view's permissions let in.

    :raises NotAuthenticated: if there is none, after all
    """
    if request.user.pk is None:
        raise NotAuthenticated
    return int(request.user.pk)

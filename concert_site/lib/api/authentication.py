"""Who calls the API: a signed access token, checked without a query."""

import hmac
import time
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar

# allauth imports cryptography late and piece by piece; with an RSA key a fresh process then failed at its first
# token. Imported here as a whole, it is there for everyone.
import cryptography.hazmat.primitives.serialization  # noqa: F401
import orjson
from allauth.headless.tokens.strategies.jwt.internal import _get_jwt_config, decode_token
from django.conf import settings
from jwt.algorithms import Algorithm, get_default_algorithms
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from concert_site.lib.log_context import note_user


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


@lru_cache(maxsize=4096)
def claims_of(token: str) -> dict[str, Any]:  # Any: claims are of every type
    """The claims of an access token of ours.

    Remembered, because a fan comes back with the same token and its signature stays what it is; its time
    doesn't, and is for the caller to look at. Refusals are not remembered.

    :raises NotAuthenticated: if it isn't one, was altered, or is over
    """
    claims = quickly_decoded(token)
    if claims is None:
        claims = decode_token(token, "access")
        if claims is not None:
            trusted_headers.add(token.partition(".")[0])
    if claims is None or not claims["sub"].isdecimal():
        raise NotAuthenticated
    return claims


# The first parts of tokens that PyJWT has found good: they name algorithm and key, and all of ours have the same.
trusted_headers: set[str] = set()
TIMES_AND_TEXTS = ("iat", "exp", "jti", "sub", "sid")


def quickly_decoded(token: str) -> dict[str, Any] | None:  # Any: as above
    """The claims of an access token of ours, by a tenth of what PyJWT does for any token; None if it must be asked.

    Only what is good beyond doubt is decided here: a header that was found good before, a signature of our key in its
    one spelling, and claims as we write them.
    """
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    if header not in trusted_headers or not token.isascii() or not is_signed(signed.encode(), signature.encode()):
        return None
    try:
        claims: dict[str, Any] = orjson.loads(decoded_base64(payload.encode()))
    except ValueError:
        return None
    is_plain = type(claims) is dict and claims.get("token_use") == "access" and "nbf" not in claims
    if not is_plain or tuple(map(type, map(claims.get, TIMES_AND_TEXTS))) != (int, int, str, str, str):
        return None
    return claims if claims["iat"] <= time.time() < claims["exp"] else None


def is_signed(signed: bytes, signature: bytes) -> bool:
    """Whether this is the signature of our key, spelt as PyJWT spells it."""
    algorithm, key = verifier(settings.HEADLESS_JWT_ALGORITHM, settings.HEADLESS_JWT_PRIVATE_KEY)
    if settings.HEADLESS_JWT_ALGORITHM == "HS256":
        # Ours is made once more, in its one spelling.
        mac = keyed(key).copy()
        mac.update(signed)
        made = urlsafe_b64encode(mac.digest()).rstrip(b"=")
        return hmac.compare_digest(made, signature)
    try:
        found = decoded_base64(signature)
    except ValueError:
        return False
    return urlsafe_b64encode(found).rstrip(b"=") == signature and bool(algorithm.verify(signed, key, found))


@cache
def keyed(key: bytes) -> hmac.HMAC:
    """A key's part of each signature, made once. `hmac.digest` would also hand the interpreter to another thread."""
    return hmac.new(key, digestmod="sha256")


@cache
def verifier(name: str, _key: str) -> tuple[Algorithm, Any]:  # Any: a key of the algorithm's own type
    algorithm = get_default_algorithms()[name]
    return algorithm, algorithm.prepare_key(_get_jwt_config().verifying_key)


PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")


def decoded_base64(text: bytes) -> bytes:
    """The content of a part of a token.

    :raises ValueError: if it is none
    """
    return a2b_base64(text.translate(PLAIN_ALPHABET) + b"=" * (-len(text) % 4))


class AccessToken(BaseAuthentication):
    """`Authorization: Bearer <access token>`, as allauth's headless login and refresh hand it out.

    allauth's own class resolves the user on the first look at it; this one reads the claims alone.
    """

    keyword = "bearer"

    def authenticate(self, request: Request) -> tuple[Caller, dict[str, object]] | None:
        """The caller and the claims; None without such a header.

        :raises NotAuthenticated: if the token is not ours, was altered, or is over
        """
        scheme, _, token = request._request.META.get("HTTP_AUTHORIZATION", "").partition(" ")  # noqa: SLF001  DRF documents it
        if scheme.lower() != self.keyword:
            return None
        claims = claims_of(token.strip())
        if claims.get("exp", 0) <= time.time():
            raise NotAuthenticated
        user_id = int(claims["sub"])
        note_user(user_id)
        return Caller(pk=user_id), claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_id(request: Request) -> int:
    """The id of the caller, whom the view's permissions let in.

    :raises NotAuthenticated: if there is none, after all
    """
    if request.user.pk is None:
        raise NotAuthenticated
    return int(request.user.pk)

"""The tokens that apps are given: allauth's, which can be ended, and whose refresh tokens are good once."""

import logging
import time
from hashlib import sha256
from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.base.response import UnauthorizedResponse
from allauth.headless.constants import Client
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from allauth.usersessions.internal import usersessionkit
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection, transaction
from django.http import HttpRequest

from concert_site.accounts import revocations
from concert_site.accounts.addresses import is_verified
from concert_site.accounts.models import AccountSession, User
from concert_site.accounts.session_store import REFRESH_TOKENS, SessionStore
from concert_site.accounts.sessions import end_session
from concert_site.accounts.tokens import UNVERIFIED

log = logging.getLogger(__name__)

# The refresh token that was used last: whoever lost the answer may ask again, by the same key, until its successor
# is used.
SPENT = "spent_refresh_token"
AGAIN_SECONDS = 60

# The account as it was when this request read it; its revocations up to now. No row if it was changed meanwhile.
LAST_REVOCATION = """
    select coalesce(max(r.id), 0)
      from users u
      left join access_revocation r on r.user_id = u.id and r.session_hash = ''
     where u.id = %s and u.is_active and u.password = %s
     group by u.id
"""


class TokenStrategy(JWTTokenStrategy):  # type: ignore[misc]  # allauth comes without types
    """allauth's JWT strategy. More claims of access tokens belong into `get_claims`."""

    def get_claims(self, user: User) -> dict[str, Any]:  # Any: claims are of every type
        """What an access token says of its account, beside whose it is.

        :raises ImmediateHttpResponse: 401, if the account was changed since it was read
        """
        last = last_revocation(user)
        claims = {revocations.AFTER: last} if last else {}
        # Only who bears it is looked up again where a verified address is demanded.
        return claims if is_verified(user.pk) else claims | {UNVERIFIED: True}

    def _get_access_token(self, request: HttpRequest) -> dict[str, Any] | None:  # Any: as above
        """The claims of the request's access token; who comes with one that is over is nobody here as well."""
        claims: dict[str, Any] | None = super()._get_access_token(request)
        if claims is None:
            return None
        return claims if claims["sub"].isdecimal() and not revocations.is_over(claims) else None

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """New tokens for a refresh token that is good once; None if it isn't good.

        One that was used before ends its session: somebody else has a copy. Of two at once one comes second.
        """
        claims = internal.decode_token(refresh_token, "refresh")
        key = internal.session_key_from_sid(claims["sid"]) if claims else None
        if claims is None or not key:
            return None
        with transaction.atomic():
            found = locked_session(key)
            user = internal.validate_token_user(claims, found) if found else None
            if found is None or user is None:
                return None
            is_good = is_valid(found, claims["jti"], key_of_request())
            if is_good:
                tokens = self.rotate(user, found, claims["jti"])
        if not is_good:
            log.warning("A refresh token of account %s was used twice: its session is ended", claims["sub"])
            end_session(key)
            return None
        usersessionkit.track_activity(context.request, user=user, session=found)
        return tokens

    def rotate(self, user: User, session: SessionBase, jti: str) -> tuple[str, str]:
        """Put new tokens in place of a refresh token, and note that it was used: a step of the caller's transaction."""
        spent = session.get(SPENT) or {}
        if spent.get("jti") != jti:
            # The successors of a token that is asked for again are good beside each other: one of them never arrived.
            session[SPENT] = {"jti": jti, "at": time.time(), "key": key_of_request()}
            session[REFRESH_TOKENS] = {}
        access = internal.create_access_token(user, session, self.get_claims(user))
        refresh = internal.create_refresh_token(user, session)
        session.save()
        return access, refresh


def last_revocation(user: User) -> int:
    """The newest revocation of an account's tokens, 0 if there is none: new tokens are issued after it.

    Read in the same statement as the password, so that a login that a change of password overtook gets no tokens.
    :raises ImmediateHttpResponse: 401, if the account isn't any more what `user` says
    """
    with connection.cursor() as cursor:
        cursor.execute(LAST_REVOCATION, [user.pk, user.password])
        row = cursor.fetchone()
    if row is None:
        raise ImmediateHttpResponse(UnauthorizedResponse(context.request, status=401))
    return int(row[0])


def locked_session(key: str) -> SessionStore | None:
    """The session of this key, which nobody else refreshes or ends meanwhile; None if it is over."""
    # NO KEY UPDATE: nothing refers to the row.
    rows = AccountSession.objects.select_for_update(no_key=True, of=("self",))
    if not list(rows.filter(session_key=key).values_list("pk")):
        return None
    session = SessionStore(key)
    # The look is what loads it; Django drops the key of one that is over.
    session.get(REFRESH_TOKENS)
    return session if session.session_key else None


def is_valid(session: SessionBase, jti: str, request_key: str) -> bool:
    """Whether a refresh token may be used: for the first time, or again by who never heard the answer."""
    now = time.time()
    if session.get(REFRESH_TOKENS, {}).get(jti, 0) > now:
        return True
    spent = session.get(SPENT) or {}
    is_same = spent.get("jti") == jti and request_key != "" and spent.get("key") == request_key
    return is_same and now < spent["at"] + AGAIN_SECONDS


def key_of_request() -> str:
    """The hash of this request's Idempotency-Key, which only who sent it first can send again; blank without one."""
    sent = context.request.headers.get("Idempotency-Key", "")
    return sha256(sent.encode()).hexdigest() if sent else ""


def is_of_an_app(request: HttpRequest) -> bool:
    """Whether this request came to allauth's API for apps, which answers with tokens."""
    headless = getattr(getattr(request, "allauth", None), "headless", None)
    return headless is not None and headless.client == Client.APP


def issue_tokens(request: HttpRequest) -> None:
    """Let allauth's answer to this request of an app carry new tokens, and let its older refresh tokens be over."""
    request.session.pop(REFRESH_TOKENS, None)
    request.session.pop(SPENT, None)
    # allauth hands out tokens where somebody logs in, which to it means: who was nobody before.
    request.allauth.headless._pre_user = AnonymousUser()  # type: ignore[attr-defined]  # noqa: SLF001  its own

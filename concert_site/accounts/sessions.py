"""Ending sessions: by their own, by the account's, and with them refresh tokens and access tokens.

A refresh token is good while its session is there, and an access token until it is listed as over
(concert_site.accounts.revocations); triggers of the tables list it. When these functions return, or the transaction
around them is committed, nothing that they ended is let in anywhere.
"""

from collections.abc import Collection
from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from concert_site.accounts.models import AccessRevocation, AccountSession, User
from concert_site.accounts.revocations import WHOLE_SECONDS, announce
from concert_site.accounts.tokens import longest_life


def end_sessions(user_id: int, *, keep: str | None = None) -> None:
    """End every session of an account but the one of key `keep`, and each access token issued before, its own too.

    Whoever keeps a session of an app hands it new tokens (concert_site.accounts.token_strategy.issue_tokens).
    """
    with transaction.atomic():
        # One ending after the other: ids of an account's revocations are in the order of their commits.
        list(User.objects.filter(pk=user_id).select_for_update(no_key=True, of=("self",)).values_list("pk"))
        AccessRevocation.objects.create(user_id=user_id)
        AccountSession.objects.filter(user_id=user_id).exclude(session_key=keep or "").delete()
        UserSession.objects.filter(user_id=user_id).exclude(session_key=keep or "").delete()
    announce()


def end_session(session_key: str) -> None:
    end_sessions_of_keys([session_key])


def end_sessions_of_keys(session_keys: Collection[str]) -> None:
    """End these sessions; who knows a key may end it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "delete from account_session where session_key = any(%s) returning user_id, has_tokens",
                [list(session_keys)],
            )
            ended = cursor.fetchall()
        if any(user_id is not None for user_id, _has_tokens in ended):
            UserSession.objects.filter(session_key__in=session_keys).delete()
    # A session of pages has no access tokens, and the next request looks for it in PostgreSQL.
    if any(has_tokens for _user_id, has_tokens in ended):
        announce()


def note_seen(*, session_key: str, user_id: int, ip: str, user_agent: str) -> None:
    """Note where and with what a session is used, for its account's list of sessions."""
    seen = UserSession(session_key=session_key, user_id=user_id, ip=ip, user_agent=user_agent)
    changing = ["user", "ip", "user_agent", "last_seen_at"]
    with transaction.atomic():
        # A session that was ended meanwhile doesn't come back.
        if AccountSession.objects.filter(session_key=session_key, user_id=user_id).update(seen_at=Now()):
            UserSession.objects.bulk_create(
                [seen], update_conflicts=True, update_fields=changing, unique_fields=["session_key"]
            )


def delete_expired() -> None:
    """Delete sessions that nobody used in time, what is noted of them, and revocations that no token outlives.

    Twice the life of a token: who holds an older list must have read it anew by then, or a token that was issued
    after the row went would seem to be older than it.
    """
    AccountSession.objects.filter(expire_date__lt=Now()).delete()
    session = AccountSession.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(session)).delete()
    oldest = Now() - timedelta(seconds=2 * (longest_life() + WHOLE_SECONDS))
    AccessRevocation.objects.filter(created_at__lt=oldest).delete()

"""Reads of accounts."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.db.models.functions import Now

from concert_site.accounts.models import AccountSession, User
from concert_site.accounts.revocations import hash_of
from concert_site.accounts.user_agents import name_of_client

# Whoever looks for somebody writes more of the address than a hundred people share.
MOST_FOUND = 100
# Sessions of one account that its page lists.
MOST_SESSIONS = 100


def users_matching(term: str) -> list[int]:
    """The ids of accounts whose address has these letters in it, the newest first, up to `MOST_FOUND`.

    What belongs to accounts is looked up in two steps, by these ids: then its own index on the user is used, where
    a join would read the whole table.
    """
    found = User.objects.filter(email__contains=term.strip().lower()).order_by("-pk")
    return list(found.values_list("pk", flat=True)[:MOST_FOUND])


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session as its account sees it."""

    session_key: str
    client: str
    # None where nothing was noted yet.
    ip: str | None
    seen_at: datetime
    created_at: datetime | None
    is_app: bool
    is_current: bool

    @property
    def name(self) -> str:
        """What a form may call it: the key itself would open the account."""
        return hash_of(self.session_key)


def sessions_of(user_id: int, current: str) -> list[KnownSession]:
    """The account's sessions, this one first, then those seen last."""
    rows = AccountSession.objects.filter(user_id=user_id, expire_date__gt=Now()).order_by("-seen_at", "session_key")
    live = list(rows.defer("session_data")[:MOST_SESSIONS])
    noted = {one.session_key: one for one in UserSession.objects.filter(user_id=user_id)}
    known = [as_known(row, noted.get(row.session_key), current) for row in live]
    return sorted(known, key=lambda one: not one.is_current)


def as_known(row: AccountSession, noted: UserSession | None, current: str) -> KnownSession:
    return KnownSession(
        session_key=row.session_key,
        client=name_of_client(noted.user_agent if noted else ""),
        ip=noted.ip if noted else None,
        seen_at=max(row.seen_at, noted.last_seen_at) if noted else row.seen_at,
        created_at=noted.created_at if noted else None,
        is_app=row.has_tokens,
        is_current=row.session_key == current,
    )

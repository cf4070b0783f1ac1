"""Reads of accounts."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.db.models import Q
from django.db.models.functions import Now

from concert_site.accounts.models import AccountSession, User
from concert_site.accounts.revocations import hash_of
from concert_site.accounts.user_agents import name_of_client
from concert_site.lib.database.search_keys import joined

# Whoever looks for somebody writes more of the address than a hundred people share.
MOST_FOUND = 100
# Letters of an address, and of a name (two syllables are a Korean name), that are worth looking for.
SHORTEST_PART, SHORTEST_NAME = 3, 2
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


@dataclass(frozen=True, slots=True)
class FoundUsers:
    """Accounts that were looked for, the newest first; `has_more` if there are others that were not read."""

    users: list[User]
    has_more: bool


def users_found(text: str, most: int) -> FoundUsers:
    """Accounts with this text in the address, or in the name however it is written, up to `most`.

    An index holds all addresses and another all names, so each is looked through without the table: some 20 ms at
    200,000 accounts (docs/decisions/0036-one-search-and-what-it-costs.md).
    """
    has_it = Q()
    enough, is_cut = most + 1, False
    if len(part := text.strip().lower()) >= SHORTEST_PART and " " not in part:
        emails = list(User.objects.filter(email__contains=part).order_by().values_list("email", flat=True)[:enough])
        has_it |= Q(email__in=emails)
        is_cut = len(emails) == enough
    if len(name := joined(text)) >= SHORTEST_NAME:
        keys = User.objects.filter(name_key__contains=name).order_by().values_list("name_key", flat=True)
        # A name that many share is one key, as far as the index goes.
        names = set(keys[:enough])
        has_it |= Q(name_key__in=names)
        is_cut = is_cut or len(names) == enough
    if not has_it:
        return FoundUsers([], has_more=False)
    found = list(User.objects.filter(has_it).order_by("-pk")[:enough])
    return FoundUsers(found[:most], has_more=is_cut or len(found) > most)

"""Access tokens that are over before their time: the list that each process holds of them.

PostgreSQL has the list. A process believes its own copy for `REFRESH_SECONDS` after Redis said that nothing was added,
or after it read PostgreSQL; and never longer than `LEASE_SECONDS` after that, whatever Redis says. Who adds
to the list commits, changes the version in Redis, and answers once nobody can believe an older copy (`announce`).
Redis emptied, away, or back with an older state costs a reading of PostgreSQL, and nothing else. Without PostgreSQL
nobody is let in: a copy that nobody confirms is not believed.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from typing import Any

from allauth.headless.tokens.strategies.jwt.internal import session_key_from_sid
from django.conf import settings
from django.db import Error, transaction
from redis.exceptions import RedisError

from concert_site.accounts.tokens import longest_life
from concert_site.lib.database.statements import Row, fetch
from concert_site.lib.errors import Unavailable
from concert_site.lib.redis import RedisBreaker, client, connect

log = logging.getLogger(__name__)

# The claim of an access token that says after which revocation of its account it was issued; without it, before any.
AFTER = "rev"

REFRESH_SECONDS = 0.1
LEASE_SECONDS = 1.0
# What the thread of a request may be late by, between believing a copy and acting on it.
MARGIN_SECONDS = 0.02
# Who asks Redis whether something was added doesn't wait for it: PostgreSQL can be asked as well.
PATIENCE_SECONDS = 0.1
# So often the list is read as a whole, which forgets what is older than any token.
WHOLE_SECONDS = 600.0

VERSION = "frontrow:revocations"
# The version is of one run of the server: a restart may have lost the last change of it.
ASK_VERSION = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local version = redis.call('GET', KEYS[1])
if not version then
    version = ARGV[1]
    redis.call('SET', KEYS[1], version)
end
return run .. ' ' .. version
"""
# What a snapshot did not see is of its oldest running transaction or of a later one. One row at least, to say which.
READ = """
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon, r.id, r.user_id, r.session_hash
      from (values (true)) as one
      left join ({rows}) r on true
"""
WHOLE = READ.format(
    rows="""
    select id, user_id, session_hash from access_revocation
     where created_at > statement_timestamp() - make_interval(secs => %(life)s)
    """
)
# In order and limited, or a generic plan, which knows no horizon, would walk the whole table for the last rows.
MOST_NEW = 1_000
NEW = READ.format(
    rows=f"""
    select id, user_id, session_hash from access_revocation
     where transaction >= %(since)s order by transaction limit {MOST_NEW}
    """  # noqa: S608  a number of ours
)


@dataclass(frozen=True, slots=True)
class Revocations:
    """What is over; the dicts grow with later copies, which share them."""

    # By account, the newest revocation of all its tokens.
    accounts: dict[int, int]
    # By account, the hashes of sessions that ended.
    sessions: dict[int, set[str]]
    # Instants of this process's clock: when the list was read, when as a whole, and until when it is believed.
    read_at: float
    whole_at: float
    until: float
    # Every transaction before this one is in it.
    horizon: int
    # What Redis said before the reading; None while it was away.
    version: str | None


class RevocationList:
    """This process's copy; one thread at a time brings it up to date."""

    def __init__(self) -> None:
        self._copy: Revocations | None = None
        self._lock = threading.Lock()
        self._failed_at = 0.0

    def get(self) -> Revocations:
        """The list as it may be believed now.

        :raises Unavailable: if PostgreSQL is away
        """
        copy, arrived_at = self._copy, time.monotonic()
        if copy is not None and arrived_at < copy.until:
            return copy
        with self._lock:
            copy = self._copy
            if copy is not None and time.monotonic() < copy.until:
                return copy
            if self._failed_at > arrived_at:
                # Who waited meanwhile need not find out again, one after the other.
                raise Unavailable
            try:
                self._copy = copy = refreshed(copy)
            except Error as error:
                self._failed_at = time.monotonic()
                log.warning("The revocations can't be read: %s", error)
                raise Unavailable from error
            return copy

    def clear(self) -> None:
        """Believe nothing that was read before."""
        self._copy = None


revocations = RevocationList()


def is_over(claims: Mapping[str, Any]) -> bool:  # Any: claims are of every type
    """Whether the account or the session of an access token has ended it.

    :raises Unavailable: if nobody can say
    """
    if claims.get("iat", 0) < time.time() - longest_life() - MARGIN_SECONDS:
        # Issued when tokens lived longer: what ended it may have been forgotten.
        return True
    revoked, user_id = revocations.get(), int(claims["sub"])
    if claims.get(AFTER, 0) < revoked.accounts.get(user_id, 0):
        return True
    ended = revoked.sessions.get(user_id)
    return ended is not None and hash_of(session_key_from_sid(claims["sid"]) or "") in ended


def hash_of(session_key: str) -> str:
    """What stands for a session's key where the key itself would open the account."""
    return sha256(session_key.encode()).hexdigest()


def refreshed(copy: Revocations | None) -> Revocations:
    """A copy that may be believed from now on: this one, if Redis says so, or one that was read anew."""
    started = time.monotonic()
    version = version_in_redis()
    if copy is None or version is None or version != copy.version or started >= copy.read_at + LEASE_SECONDS:
        return read(copy, version)
    return replace(copy, until=min(started + REFRESH_SECONDS, copy.read_at + LEASE_SECONDS))


def read(copy: Revocations | None, version: str | None) -> Revocations:
    """The list with what PostgreSQL has beyond it; as a whole now and then, after a restore, and after a rush."""
    started = time.monotonic()
    until = started + REFRESH_SECONDS
    if copy is not None and started < copy.whole_at + WHOLE_SECONDS:
        rows = rows_since(copy.horizon)
        if rows[0]["horizon"] >= copy.horizon and len(rows) < MOST_NEW:
            note(rows, copy)
            return replace(copy, read_at=started, until=until, horizon=rows[0]["horizon"], version=version)
    rows = all_rows()
    found = Revocations({}, {}, started, started, until, rows[0]["horizon"], version)
    note(rows, found)
    return found


def rows_since(horizon: int) -> list[Row]:
    return fetch(NEW, {"since": horizon})


def all_rows() -> list[Row]:
    """The revocations of the time in which any token was issued that may still be good."""
    return fetch(WHOLE, {"life": longest_life() + WHOLE_SECONDS})


def note(rows: list[Row], revoked: Revocations) -> None:
    """Add rows to what is over; the same row again changes nothing."""
    accounts, sessions = revoked.accounts, revoked.sessions
    for row in rows:
        user_id = row["user_id"]
        if row["session_hash"]:
            # A new set: another thread may be looking into this one.
            sessions[user_id] = sessions.get(user_id, set()) | {row["session_hash"]}
        elif user_id is not None:  # the row that says that there is nothing new
            accounts[user_id] = max(row["id"], accounts.get(user_id, 0))


@cache
def asker_of(url: str) -> Callable[[], object]:
    """Asks one Redis for the version, without patience; after a failure not again for a second.

    With connections of its own: their timeouts are shorter. Made at the first need, since a cluster may be away then.
    """
    breaker, quick = RedisBreaker(), cache(partial(connect, url, timeout=PATIENCE_SECONDS))
    return lambda: breaker.call(lambda: quick().eval(ASK_VERSION, 1, VERSION, secrets.token_hex(8)))


def version_in_redis() -> str | None:
    """The version of the list as Redis knows it, None while Redis is away."""
    try:
        return str(asker_of(settings.REDIS_URL)())
    except RedisError:
        return None


def announce() -> None:
    """Have everyone know what was added; returns once nobody can let in what was ended.

    Within a transaction that happens after its commit.
    """
    revocations.clear()
    transaction.on_commit(broadcast)


def broadcast() -> None:
    """Change the version, and wait until no process believes what it read before.

    A process that did not hear of the change reads PostgreSQL again before its lease is over.
    """
    started = time.monotonic()
    revocations.clear()
    try:
        # Not by the breaker: that Redis was away a moment ago is no reason not to try.
        client().set(VERSION, secrets.token_hex(8))
        over_at = time.monotonic() + REFRESH_SECONDS
    except RedisError as error:
        log.warning("Redis is away, a revocation is waited for: %s", error)
        over_at = started + LEASE_SECONDS
    time.sleep(max(0.0, over_at + MARGIN_SECONDS - time.monotonic()))

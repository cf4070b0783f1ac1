"""Retention: what is taken away once nobody needs it, by rules that a house switches on (docs/personal-data.md).

In batches that follow the primary key, each a transaction of its own, with a pause four times as long as the batch
took; while a sale is young nothing is taken. Payments, what was paid for, and the ledger are never touched.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pgtrigger
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import DeadlockDetected, LockNotAvailable

from concert_site.lib.errors import Conflict, NotFound, Unavailable
from concert_site.operations.personal_data import erasing
from reservations.queries.sales import is_a_sale_young

log = logging.getLogger(__name__)

BATCH_ROWS = 2_000
# Of the time a batch takes; so a fifth of one processor at most.
REST = 4
# What a row's trigger refuses to anybody else: the trace is only ever added to, but for this.
PROTECTED = "trace.Change:trace_is_append_only"
# Rows that somebody has a lock on are left to the next night.
PATIENCE = "set local lock_timeout = '200ms'"
SOMEBODY_IS_AT_IT = (LockNotAvailable, DeadlockDetected)
ERASED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Rule:
    """What is taken from a table: rows for which `old` is true, `%(days)s` days being the setting.

    :param change: what is set in them in place of deleting them
    """

    name: str
    setting: str
    table: str
    old: str
    change: str = ""

    @property
    def days(self) -> int:
        """0: kept for ever."""
        return int(getattr(settings, self.setting))

    def statement(self) -> str:
        if self.change:
            return f"update {self.table} t set {self.change} where {WINDOW} and {self.old}"  # noqa: S608  of our own rules
        return f"delete from {self.table} t where {WINDOW} and {self.old}"  # noqa: S608  as above


WINDOW = "t.id > %(after)s and t.id <= %(last)s"
AGO = "statement_timestamp() - make_interval(days => %(days)s)"
# A complimentary ticket was never paid either, and is no hold. One that a card was asked to pay for is told of on that
# top-up's page; by one that staff have noted something about, the note is found when its fan is erased.
NEVER_PAID = """
    t.status = 'CANCELED' and not t.complimentary
    and not exists (select from staff_note n where n.booking_reference = t.booking_reference)
    and not exists (select from payment p where p.reservation_id = t.id)
    and not exists (select from top_up u where u.user_id = t.user_id and t.id = any (u.reservations))
"""
RULES = (
    Rule(
        "places in line of dates that are over",
        "KEEP_QUEUE_TOKENS_DAYS",
        "waiting_token",
        f"t.status = 'EXPIRED' and exists (select from concert_schedule s where s.id = t.concert_schedule_id"
        f" and s.concert_at < {AGO})",
    ),
    Rule(
        "holds that were never paid",
        "KEEP_CANCELED_HOLDS_DAYS",
        "reservation",
        f"{NEVER_PAID} and t.updated_state_at < {AGO}",
    ),
    Rule(
        "keys of bookings that nobody repeats any more",
        "KEEP_IDEMPOTENCY_KEYS_DAYS",
        "reservation",
        f"t.idempotency_key is not null and t.created_at < {AGO}",
        change="idempotency_key = null, request_hash = null",
    ),
    Rule(
        "keys of top-ups that nobody repeats any more",
        "KEEP_IDEMPOTENCY_KEYS_DAYS",
        "top_up",
        f"t.idempotency_key is not null and t.created_at < {AGO} and t.state not in ('CREATED', 'PENDING')",
        change="idempotency_key = null",
    ),
    Rule(
        "messages of providers",
        "KEEP_PROVIDER_EVENTS_DAYS",
        "provider_event",
        f"t.state in ('DONE', 'IGNORED') and t.received_at < {AGO}",
    ),
    Rule("networks that logged in", "KEEP_NETWORKS_DAYS", "known_network", f"t.last_login_at < {AGO}"),
    Rule("the trace of changes", "KEEP_TRACE_DAYS", "change", f"t.at < {AGO}"),
    Rule("the admin's log", "KEEP_TRACE_DAYS", "django_admin_log", f"t.action_time < {AGO}"),
    # What a sign-up has paid is refused for its age by itself; nobody wants these.
    Rule("spent proofs of work", "KEEP_SPENT_PROOFS_DAYS", "spent_proof", f"t.expired_at < {AGO}"),
)
UNUSED = "accounts that nobody uses"
# Who logs in once and stays so by a token is seen by the session. An account without a login was made by a command, or
# belongs to somebody who bought at the counter.
UNUSED_ACCOUNTS = """
    select u.id from users u
     where u.id > %(after)s and u.is_active and not u.is_staff and not u.is_superuser
       and u.last_login < statement_timestamp() - make_interval(years => %(years)s)
       and not exists (select from account_session s where s.user_id = u.id and s.expire_date > statement_timestamp())
       and not exists (select from reservation r where r.user_id = u.id
                          and r.created_at > statement_timestamp() - make_interval(years => %(years)s))
     order by u.id limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a rule found; `kept` of it had to stay, and the next night looks again."""

    name: str
    rows: int
    kept: int = 0

    def __str__(self) -> str:
        stayed = f", {self.kept:,} of them must stay" if self.kept else ""
        return f"{self.rows:,} {self.name}{stayed}"


def count() -> list[Pruned]:
    """What each rule that is on would take."""
    found = []
    for rule in rules_on():
        with connection.cursor() as cursor:
            where = f"from {rule.table} t where {rule.old}"
            cursor.execute(f"select count(*) {where}", {"days": rule.days})
            found.append(Pruned(rule.name, cursor.fetchone()[0]))
    if settings.KEEP_UNUSED_ACCOUNTS_YEARS:
        unused = [user_id for batch in unused_accounts() for user_id in batch]
        kept = sum(bool(erasing.obstacles(user_id)) for user_id in unused)
        found.append(Pruned(UNUSED, len(unused), kept))
    return found


def prune(*, is_patient: bool = True) -> Iterator[Pruned]:
    """Take what the rules that are on say. Ends early, to go on another night, when a sale opens.

    :param is_patient: pause between batches, and look whether a sale opens
    """
    for rule in rules_on():
        yield Pruned(rule.name, sum(apply(rule, is_patient=is_patient)))
    if settings.KEEP_UNUSED_ACCOUNTS_YEARS:
        yield erase_unused(is_patient=is_patient)


def rules_on() -> list[Rule]:
    return [rule for rule in RULES if rule.days]


def apply(rule: Rule, *, is_patient: bool) -> Iterator[int]:
    """Take what is old from a table, batch by batch; how many rows each took."""
    after = 0
    while not (is_patient and is_a_sale_young()):
        started = time.monotonic()
        last = end_of_batch(rule, after)
        if last is None:
            return
        yield take_batch(rule, after, last)
        after = last
        if is_patient:
            time.sleep(REST * (time.monotonic() - started))


def take_batch(rule: Rule, after: int, last: int) -> int:
    """Take what is old of the rows with these ids; how many. None if somebody works on one of them: another night.

    :raises OperationalError: if anything else is in the way, such as a timeout of the role's
    """
    # Numbers of our own: what lets the trace be deleted takes no parameters by name.
    statement = rule.statement() % {"days": rule.days, "after": after, "last": last}
    try:
        # In this order: within a transaction that has failed it would hide why by an error of its own.
        with pgtrigger.ignore(PROTECTED), transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(PATIENCE)
            cursor.execute(statement)
            return int(cursor.rowcount)
    except OperationalError as error:
        if not isinstance(error.__cause__, SOMEBODY_IS_AT_IT):
            raise
        log.info("%s: numbers %d to %d are left to another night, somebody works on one", rule.name, after + 1, last)
        return 0


def end_of_batch(rule: Rule, after: int) -> int | None:
    """The id with which a batch ends that begins above this one; None behind the last."""
    with connection.cursor() as cursor:
        rows = f"select id from {rule.table} where id > %s order by id limit {BATCH_ROWS}"  # noqa: S608  as above
        cursor.execute(f"select max(id) from ({rows}) as batch", [after])  # noqa: S608
        last: int | None = cursor.fetchone()[0]
        return last


def unused_accounts() -> Iterator[Sequence[int]]:
    """Accounts that nobody has used for years, some at a time."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            years = settings.KEEP_UNUSED_ACCOUNTS_YEARS
            cursor.execute(UNUSED_ACCOUNTS, {"after": after, "years": years, "most": ERASED_AT_ONCE})
            found = [user_id for (user_id,) in cursor.fetchall()]
        if not found:
            return
        yield found
        after = found[-1]


def erase_unused(*, is_patient: bool) -> Pruned:
    """Erase accounts that nobody uses; those with money, tickets or something to decide stay."""
    erased = kept = 0
    limit = timezone.now() - timedelta(days=365 * settings.KEEP_UNUSED_ACCOUNTS_YEARS)
    for batch in unused_accounts():
        if is_patient and is_a_sale_young():
            break
        for user_id in batch:
            started = time.monotonic()
            try:
                erasing.erase(user_id, unused_since=limit)
                erased += 1
            except (Conflict, NotFound, Unavailable):
                kept += 1
            if is_patient:
                time.sleep(REST * (time.monotonic() - started))
    return Pruned(UNUSED, erased + kept, kept)

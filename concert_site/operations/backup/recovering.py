"""What has to be done once a database is an older one again, by whatever way it came back.

People, providers and mails know of what came after it. Numbers that were given out then must not be given to others:
an access token would open somebody else's account, a provider would answer for another top-up.
"""

from collections.abc import Callable

from django.core.management import call_command
from django.db import connection, transaction
from redis.exceptions import RedisError

from concert_site.accounts.models import AccountSession
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.operations import audit
from concert_site.operations.backup.errors import BackupFailed

Say = Callable[[str], None]
# More than a database can have given out since any backup that is still worth restoring.
GAP, SMALL_GAP = 10_000_000, 100_000
SEQUENCES = """
    select quote_ident(schemaname) || '.' || quote_ident(sequencename), data_type = 'bigint'::regtype
      from pg_sequences where schemaname not in ('pg_catalog', 'information_schema')
"""


def bring_up_to_date(say: Say, *, keep_sessions: bool) -> None:
    """Migrate a database that came back, leave out the numbers that were given out since, and end its sessions.

    :raises BackupFailed: if it then breaks an invariant
    """
    call_command("migrate", interactive=False, verbosity=0)
    say("Migrated.")
    with transaction.atomic():
        say(f"{skip_numbers()} sequences moved on, so that no number is given out twice.")
        if not keep_sessions:
            say(f"{end_all_sessions():,} sessions ended: everybody logs in again.")
    require_sound(say)


def skip_numbers() -> int:
    """Move every sequence on by more than was given out since; how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(SEQUENCES)
        found = cursor.fetchall()
        for name, is_big in found:
            gap = GAP if is_big else SMALL_GAP
            cursor.execute("select setval(%s::regclass, nextval(%s::regclass) + %s)", [name, name, gap])
    return len(found)


def end_all_sessions() -> int:
    """A session that was ended since the backup would be good again; a trigger ends the tokens of each."""
    return AccountSession.objects.all().delete()[0]


def require_sound(say: Say) -> None:
    """:raises BackupFailed: naming the invariants that don't hold"""
    findings = audit.run()
    if broken := [str(finding) for finding in findings if not finding.is_ok]:
        raise BackupFailed(f"the audit found: {'; '.join(broken)}")
    say(f"Audit: all {len(findings)} invariants hold.")


def clear_redis(say: Say) -> None:
    """Empty Redis, which knows of what came later; all of it is made again from PostgreSQL."""
    clear_caches()
    try:
        client().flushdb()
    except RedisError:
        say("Redis is away. Before the site starts, empty it by hand: redis-cli -u $REDIS_URL flushdb")
    else:
        say("Redis emptied: it is made again from PostgreSQL.")

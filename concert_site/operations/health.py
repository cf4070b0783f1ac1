"""What load balancers ask: does the process live, and can it work?"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from redis.exceptions import RedisError

from concert_site.lib.database.replica import replica_state
from concert_site.lib.database.sql_functions import is_up_to_date
from concert_site.lib.redis import client
from concert_site.operations.monitoring import LATE, OK, part_monitor, process_health, tick_monitor

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.8
DEGRADED, AWAY, MISSING = "degraded", "away", "missing"

# Each check has a thread of its own: a service that takes the connection and then says nothing would hold up
# the request, and the other check, for as long as it likes.
_ask_database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readyz-database")
_ask_redis = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readyz-redis")
_done: set[str] = set()
# Of what works through Redis nothing is known without it.
PARTS_UNKNOWN: dict[str, Any] = {  # Any: JSON
    "ticks": LATE,
    "last_tick_seconds": None,
    "beat": "unknown",
    "worker": "unknown",
}


class HealthCheckMiddleware(MiddlewareMixin):
    """Middleware, the first of all: probes come by address, so neither Host nor https is asked of them."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path == "/healthz":
            return healthz(request)
        return readyz(request) if request.path == "/readyz" else None


def healthz(request: HttpRequest) -> HttpResponse:
    """200: the process answers. Nothing else is touched."""
    return answer({"status": OK})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 while what can be served is served; else 503, and what is missing. Within two seconds.

    Without Redis, or where ticks, beat or worker have not been at work for too long, the status is `degraded`, which is
    no reason for a 503. A load balancer would take every web process away from fans, who hold and pay without them.
    """
    database, redis = _ask_database.submit(database_state), _ask_redis.submit(redis_state)
    wait([database, redis], timeout=TIMEOUT_SECONDS)
    needed = result_or(database, {"database": AWAY, "migrations": AWAY})
    state = needed | result_or(redis, {"redis": AWAY}) | replica_state()
    parts, is_well = parts_state() if state["redis"] == OK else (PARTS_UNKNOWN, False)
    if set(needed.values()) == {OK}:
        return answer({"status": OK if is_well else DEGRADED} | state | parts)
    response = answer({"status": AWAY} | state | parts, status=503)
    response["Retry-After"] = "1"
    return response


def answer(body: dict[str, Any], status: int = 200) -> HttpResponse:  # Any: JSON
    """JSON of known length: the middleware that would say it comes later."""
    response = JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
    response["Content-Length"] = str(len(response.content))
    return response


def result_or(check: Future[dict[str, str]], otherwise: dict[str, str]) -> dict[str, str]:
    """What a check found, or `otherwise` if it is still at it; one that hasn't begun never will."""
    if check.done():
        return check.result()
    check.cancel()
    return otherwise


def database_state() -> dict[str, str]:
    """Whether PostgreSQL answers, and whether it has every migration."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        return {"database": OK, "migrations": migrations_state()}
    except Error as error:
        log.warning("Not ready, PostgreSQL is away: %s", error)
        return {"database": AWAY, "migrations": AWAY}
    finally:
        # Kept, it would count against the server's connections for a question a second.
        connection.close()


def migrations_state() -> str:
    """Whether any is missing. Found complete once, they stay so: a process never loses its schema.

    SQL functions of other files than ours count as missing, too: `migrate` brings both up to date. What somebody
    mended in the database by hand does not, so that a restart in an emergency stays possible.
    """
    if "migrations" not in _done:
        if count_missing_migrations() or not is_up_to_date(connection, forgive_edits=True):
            return MISSING
        _done.add("migrations")
    return OK


def count_missing_migrations() -> int:
    """Those that a later release has made don't count: it is expected to leave what we read as it is."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def parts_state() -> tuple[dict[str, Any], bool]:  # Any: as above
    """Whether lines are moved on, and how many seconds ago they last were (null if nobody knows); whether all is well.

    Ticks are late as soon as there is no trace of one. That alone is no trouble yet: the site may have just started.
    """
    found = process_health()
    tick_monitor.observe(found)
    late = part_monitor.late(found)
    states = {part: LATE if late[part] else OK for part in ("beat", "worker")}
    return {
        "ticks": LATE if found.is_late else OK,
        "last_tick_seconds": found.tick,
        **states,
    }, not any(late.values())


def redis_state() -> dict[str, str]:
    try:
        client().ping()
    except RedisError as error:
        log.warning("Degraded, Redis is away: %s", error)
        return {"redis": AWAY}
    return {"redis": OK}

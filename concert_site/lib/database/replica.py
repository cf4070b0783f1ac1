"""Reads from a replica (REPLICA_DATABASE_URL): the catalogue, and the lists of staff.

Only what a view has marked is read there, and never what decides about money, seats or lines: writes, locks and the
hot statements go to the primary whatever is marked. Who has just written reads from the primary for longer than the
replica may lag (a cookie). A replica that lags, is away or cancels a query is passed over: the same page from the
primary instead.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import psycopg
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from concert_site.lib.database.silence import hang_up

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

ALIAS = "replica"
COOKIE = "primary"
ASK_SECONDS = 1.0
# A replica that leaves a question without an answer for longer is hung up on.
SILENCE_SECONDS = 2.0
# What may be read there for a page of the public: the programme, and no fan's own.
CATALOGUE = "reservations"
OF_FANS = {"reservation"}
# Who may do what is asked of the primary alone, by lists as well.
OF_ACCOUNTS = {"accounts", "auth", "sessions", "account", "mfa", "socialaccount", "usersessions"}
REPLAYED = "select pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')"
WRITTEN = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"

_reads_lists: ContextVar[bool | None] = ContextVar("replica", default=None)


class ReplicaRouter:
    """Django's router: reads within `reading_from_replica` go there, and nothing else does."""

    def db_for_read(self, model: type[Model], **hints: object) -> str:
        is_list = _reads_lists.get()
        if is_list is None:
            # Said here: Django by itself goes where a row that is at hand was read from.
            return DEFAULT_DB_ALIAS
        label, name = model._meta.app_label, str(model._meta.model_name)  # noqa: SLF001  what a model says of itself
        if is_list:
            return DEFAULT_DB_ALIAS if label in OF_ACCOUNTS else ALIAS
        return ALIAS if label == CATALOGUE and name not in OF_FANS else DEFAULT_DB_ALIAS

    def db_for_write(self, model: type[Model], **hints: object) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **hints: object) -> bool:
        """Both are of one database, whichever they were read from."""
        return True

    def allow_migrate(self, alias: str, label: str, **hints: object) -> bool | None:
        return False if alias == ALIAS else None


@contextmanager
def reading_from_replica(*, lists: bool) -> Iterator[None]:
    """Read from the replica within: the lists of staff, or else the catalogue alone."""
    token = _reads_lists.set(lists)
    try:
        yield
    finally:
        _reads_lists.reset(token)


class LagWatch:
    """How far the replica is behind, by positions in the log and our own clock: the servers' clocks don't matter."""

    def __init__(self) -> None:
        self._written: deque[tuple[float, int]] = deque(maxlen=600)
        self._lock = threading.Lock()
        self._is_started = False
        self._lag: float | None = None
        self._answered_at = float("-inf")
        self._was_usable = True

    @property
    def lag_seconds(self) -> float | None:
        """Seconds, exact to one; None while the replica doesn't say or is none."""
        is_fresh = time.monotonic() - self._answered_at <= ASK_SECONDS + SILENCE_SECONDS
        return self._lag if is_fresh else None

    def is_usable(self) -> bool:
        """Whether pages may be read from the replica just now; the first question starts the watch."""
        if not self._is_started:
            self._start()
        lag = self.lag_seconds
        return lag is not None and lag <= settings.REPLICA_MOST_LAG_SECONDS

    def suspend(self) -> None:
        """Not until it has answered again: a query of ours has failed there."""
        self._answered_at = float("-inf")

    def observe(self, replayed: int | None, written: int | None, now: float) -> None:
        """Take down what the two servers said: positions in the log in bytes; None from who is no replica, or away."""
        if written is not None:
            self._written.append((now, written))
        if replayed is None:
            self._lag = None
        else:
            missing = [at for at, position in self._written if position > replayed]
            self._lag = now - missing[0] if missing else 0.0
            self._answered_at = now
        self._note()

    def _note(self) -> None:
        """Say so once when it begins or ends to be passed over."""
        is_usable = self._lag is not None and self._lag <= settings.REPLICA_MOST_LAG_SECONDS
        if is_usable != self._was_usable:
            self._was_usable = is_usable
            if is_usable:
                log.warning("The replica is read from again")
            else:
                log.warning("The replica is %s: the primary is read from", "late" if self._lag is not None else "away")

    def _start(self) -> None:
        with self._lock:
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._ask_on, name="replica-watch", daemon=True).start()

    def _ask_on(self) -> None:
        asked: dict[str, psycopg.Connection[Any]] = {}
        while True:
            began = time.monotonic()
            # The primary first: what it had written by then is what the replica may be asked for.
            written = self._ask(asked, DEFAULT_DB_ALIAS, WRITTEN)
            replayed = self._ask(asked, ALIAS, REPLAYED)
            self.observe(
                int(replayed[1]) if replayed and replayed[0] and replayed[1] is not None else None,
                int(written[0]) if written else None,
                time.monotonic(),
            )
            time.sleep(max(0.0, ASK_SECONDS - (time.monotonic() - began)))

    def _ask(self, asked: dict[str, psycopg.Connection[Any]], alias: str, question: str) -> Any:  # Any: a row
        """An answer, or None if there is none in time: a socket that says nothing is shut."""
        ends = threading.Timer(SILENCE_SECONDS, self._hang_up, [asked, alias])
        ends.daemon = True
        ends.start()
        try:
            if alias not in asked:
                params = connections[alias].get_connection_params()
                asked[alias] = psycopg.connect(**params | {"connect_timeout": 2}, autocommit=True)
            return asked[alias].execute(question).fetchone()
        except psycopg.Error:
            with suppress(KeyError):
                asked.pop(alias).close()
            return None
        finally:
            ends.cancel()

    def _hang_up(self, asked: dict[str, psycopg.Connection[Any]], alias: str) -> None:
        if alias in asked:
            hang_up([asked[alias]])
        if alias == ALIAS:
            self.suspend()
            hang_up(alias=ALIAS)


lag_watch = LagWatch()


def is_configured() -> bool:
    return ALIAS in settings.DATABASES


def may_read_replica(request: HttpRequest) -> bool:
    """Whether this request may be answered from the replica: a read, of somebody who hasn't just written."""
    return (
        is_configured() and request.method in ("GET", "HEAD") and COOKIE not in request.COOKIES
    ) and lag_watch.is_usable()


def from_replica(request: HttpRequest, view: Callable[[], HttpResponse], *, lists: bool) -> HttpResponse:
    """A view's answer with its reads from the replica, and from the primary if that fails or may not be."""
    if not may_read_replica(request):
        return view()
    replica = connections[ALIAS]
    replica.errors_occurred = False
    try:
        with reading_from_replica(lists=lists):
            return rendered(view())
    except Error as error:
        if not replica.errors_occurred:
            raise
        # 40001 is a query that stood in the way of replaying; what else there is ends with the connection.
        log.info("Asked the primary instead of the replica: %s", error)
        if replica.connection is not None and replica.connection.closed:
            lag_watch.suspend()
        replica.close()
    return view()


def rendered(response: HttpResponse) -> HttpResponse:
    """A page whose template has been filled: it may ask for rows. What the API answers has its data already."""
    return cast("HttpResponse", response.render()) if isinstance(response, TemplateResponse) else response


def catalogue_from_replica(view: Callable[P, R]) -> Callable[P, R]:
    """Decorator of a view of the public, a function or a method: its catalogue may be read from the replica."""

    @wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        request = next(each for each in args if hasattr(each, "COOKIES"))
        found = from_replica(cast("HttpRequest", request), lambda: cast("Any", view(*args, **kwargs)), lists=False)
        return cast("R", found)

    return wrapper


class ReplicaMiddleware:
    """Middleware: who writes reads from the primary for longer than the replica may lag."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not is_configured():
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            seconds = int(settings.REPLICA_MOST_LAG_SECONDS + ASK_SECONDS + SILENCE_SECONDS) + 1
            secure = settings.SESSION_COOKIE_SECURE
            response.set_cookie(COOKIE, "1", max_age=seconds, httponly=True, samesite="Lax", secure=secure)
        return response


def replica_state() -> dict[str, Any]:  # Any: JSON
    """What probes say of it; nothing where there is none."""
    if not is_configured():
        return {}
    is_usable, lag = lag_watch.is_usable(), lag_watch.lag_seconds
    words = "ok" if is_usable else "away" if lag is None else "late"
    return {"replica": words, "replica_lag_seconds": None if lag is None else round(lag, 1)}

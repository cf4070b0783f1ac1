"""PostgreSQL and Redis of a data directory together: which of them are ours, and whether they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from concert_site.embedded import postgres, redis
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.supervisor import Supervisor

# Recovering after a crash takes as long as there is log to replay.
READY_SECONDS = 120.0
# Redis first: it takes a moment, and PostgreSQL is what the others may still be writing to.
STOP_ORDER = (("redis",), ("postgres",))


@dataclass(frozen=True)
class Services:
    """The embedded ones among the two; for the other there is a URL in the environment."""

    has_postgres: bool
    has_redis: bool

    @property
    def is_empty(self) -> bool:
        return not (self.has_postgres or self.has_redis)

    def urls(self, data_dir: DataDir) -> dict[str, str]:
        found = {}
        if self.has_postgres:
            found["DATABASE_URL"] = postgres.url(data_dir)
            # For psql: Django's dbshell passes on everything but a socket's folder.
            found["PGHOST"] = str(postgres.socket_dir(data_dir))
        if self.has_redis:
            found["REDIS_URL"] = redis.url(data_dir)
        return found

    def answer(self, data_dir: DataDir) -> bool:
        return (not self.has_postgres or postgres.answers(data_dir)) and (not self.has_redis or redis.answers(data_dir))

    def start(self, supervisor: Supervisor, data_dir: DataDir, *, is_throwaway: bool = False) -> None:
        if self.has_postgres:
            supervisor.start(postgres.program(data_dir, is_throwaway=is_throwaway))
        if self.has_redis:
            supervisor.start(redis.program(data_dir))

    def wait(self, supervisor: Supervisor, data_dir: DataDir, stop_if_asked: Callable[[], None]) -> None:
        """Wait until they can be used.

        :raises CannotStart: if they never can
        """
        supervisor.wait_for(lambda: self.answer(data_dir), "PostgreSQL or Redis", READY_SECONDS, stop_if_asked)


def embedded_services(environ: Mapping[str, str], data_dir: DataDir) -> Services:
    """Those that the environment has no URL for, or the very one that an embedded service has here.

    The latter is what a process finds whose parent prepared the environment.
    """
    return Services(
        has_postgres=environ.get("DATABASE_URL") in (None, "", postgres.url(data_dir)),
        has_redis=environ.get("REDIS_URL") in (None, "", redis.url(data_dir)),
    )

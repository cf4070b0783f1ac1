"""A Redis of a test's own, to be emptied, stopped, frozen and started again."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from django.test import override_settings
from kombu import pools
from redis import Redis
from redis.exceptions import RedisError

from concert_site.celery import app
from concert_site.embedded.redis import server
from concert_site.embedded.redis_address import broker_of, parse
from concert_site.lib.cache import clear_caches
from concert_site.lib.tasks import enqueuer
from concert_site.tests.away import start_over

READY_SECONDS = 10.0


class RedisServer:
    """A server on a socket in a folder; what it holds is gone when it stops."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.client = Redis(unix_socket_path=str(self.socket))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it answers when this returns."""
        options = ("--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no")
        self.process = subprocess.Popen([str(server()), *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, "Redis doesn't start"
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def stop(self) -> None:
        """Stop it; nobody listens when this returns."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it take connections and answer nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def redis_of_our_own() -> Iterator[RedisServer]:
    """Run a server, and let this process use it for everything: counters, caches, throttles, the broker."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        redis = RedisServer(Path(folder))
        redis.start()
        try:
            with pointed_at(redis.url):
                yield redis
        finally:
            redis.client.close()
            redis.stop()


@contextmanager
def pointed_at(url: str, broker_url: str | None = None) -> Iterator[None]:
    """Let this process's settings name this Redis, and everything that holds connections follow."""
    # Read at the first need, which may come from another thread, and then kept: not to be that of the block.
    assert app.conf.broker_url
    broker = Celery("ours", set_as_current=False)
    try:
        with override_settings(REDIS_URL=url, CELERY_BROKER_URL=broker_of(parse(broker_url or url), {})["url"]):
            broker.config_from_object("django.conf:settings", namespace="CELERY")
            broker.set_current()
            start_over()
            clear_caches()
            yield
    finally:
        broker.close()
        app.set_current()
        # Other threads send by the site's own, which follows the settings, but keeps the connections that it has made.
        enqueuer.wait()
        pools.reset()
        app._pool = app.amqp._producer_pool = None
        start_over()

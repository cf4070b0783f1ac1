"""Redis under sentinels and as a cluster, by real servers: the same settings for client, cache and Celery."""

import pytest
from django.core.cache import cache
from django.test import override_settings
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoConnection

from concert_site.accounts import revocations
from concert_site.embedded.redis_address import broker_of, parse
from concert_site.lib import attempt_limits, heartbeats, tasks
from concert_site.lib.attempt_limits import Counter, Limit
from concert_site.lib.redis import client, connect, require_redis
from concert_site.tests.away import start_over
from concert_site.tests.certificates import make_certificates
from concert_site.tests.redis_server import redis_of_our_own
from concert_site.tests.redis_servers import Cluster, sentinels_of_our_own, wait_for
from concert_site.tests.tls_proxy import tls_before
from queueing.domain.counters import begin_lift, end_lift, next_number
from queueing.models import WaitingToken
from reservations.domain.waiting_room import snapshot_of
from reservations.queries.availability import availability_of
from reservations.tests.factories import make_schedule, make_seats

pytestmark = [pytest.mark.processes, pytest.mark.django_db]


def send(url, files):
    """Send a message as Celery does, and take it back."""
    broker = broker_of(parse(url), files)
    options = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 0, **broker["options"]}
    with Connection(broker["url"], ssl=broker["ssl"], transport_options=options) as connection:
        queue = connection.SimpleQueue("drill")
        queue.put({"a": 1})
        message = queue.get(timeout=5)
        message.ack()
        return message.payload


def test_when_sentinels_name_another_master_all_of_it_goes_on(tmp_path):
    with sentinels_of_our_own(tmp_path) as servers, override_settings(REDIS_URL=servers.url):
        start_over()
        cache.set("before", 1)
        assert end_lift(7, seen=41, mark=begin_lift(7))
        assert next_number(7) == 42
        assert send(servers.url, {}) == {"a": 1}

        gone = servers.master()
        gone.kill()
        wait_for(answers_again, "nobody follows")

        assert servers.master() is not gone
        assert cache.get("before") == 1
        # Numbers are of one server's run: the next one asks PostgreSQL first.
        assert next_number(7) == 1
        assert send(servers.url, {}) == {"a": 1}
        start_over()


def answers_again():
    """Whether a write is taken, without waiting for the breaker."""
    try:
        return bool(client().set("after", 1))
    except NoConnection:
        return False


@pytest.mark.parametrize(
    ("name", "is_known", "refusal"),
    [
        ("127.0.0.1", True, None),
        ("127.0.0.1", False, "certificate verify failed"),
        ("redis.example", True, "certificate is not valid for '127.0.0.1'"),
    ],
)
def test_only_a_certificate_of_the_right_name_by_a_known_authority_is_taken(tmp_path, name, is_known, refusal):
    tls, stranger = make_certificates(tmp_path, name), make_certificates(tmp_path, name, called="stranger")
    files = {"ssl_ca_certs": str(tls.ca if is_known else stranger.ca)}
    with redis_of_our_own() as redis, tls_before(redis.socket, tls) as port, override_settings(REDIS_TLS_FILES=files):
        url = f"rediss://127.0.0.1:{port}/0"
        if refusal is None:
            with connect(url, timeout=2) as known:
                assert known.set("a", 1)
            assert send(url, files) == {"a": 1}
            return
        with pytest.raises(NoConnection, match=refusal), connect(url, timeout=2) as unknown:
            unknown.ping()
        with pytest.raises(OperationalError, match=refusal):
            send(url, files)


def test_on_a_cluster_everything_but_celery_works(tmp_path):
    schedule = make_schedule()
    make_seats(schedule, 3)
    cluster = Cluster(tmp_path)
    try:
        cluster.start()
        with redis_of_our_own() as broker, override_settings(REDIS_URL=cluster.url, BROKER_URL=broker.url):
            start_over()
            assert require_redis(lambda redis: redis.ping())
            assert [next_number(each) for each in range(1000, 1010)] == [1] * 10
            for name, value in {"a": 1, "b": "two"}.items():
                cache.set(name, value, 60)
            assert (cache.get("a"), cache.get("b")) == (1, "two")
            for name in "abc":
                heartbeats.note(name)
            assert None not in heartbeats.ages(*"abc").values()
            heartbeats.delete_heartbeats(*"abc")
            counters = [Counter(Limit("drill", 2, 60), str(each)) for each in range(4)]
            assert [attempt_limits.take(counters) > 0 for _ in range(3)] == [False, False, True]
            attempt_limits.give_back(counters)
            revocations.announce()
            assert revocations.version_in_redis()
            assert snapshot_of(schedule.pk).line.last_number == 0
            assert availability_of(schedule.pk).seats_left == 3
            assert tasks.enqueue("reservations.tick_admission", schedule_id=schedule.pk)
            assert broker.client.llen("ticks") == 1
            assert not WaitingToken.objects.exists()
            start_over()
    finally:
        cluster.stop()
        start_over()

"""Where Redis may be, in one line, and what cache, client and Celery's broker make of it."""

import ssl

import pytest
from django.core.exceptions import ImproperlyConfigured

from concert_site.embedded.redis_address import RedisAddress, broker_of, parse
from concert_site.env_vars import broker_settings
from concert_site.tests.test_settings import Environment

SENTINELS = "redis+sentinel://app:p%40ss@s1:1,s2,[::1]:3/tickets/2"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache.internal", RedisAddress("redis", (("cache.internal", 6379),))),
        ("redis://:secret@cache:1/3", RedisAddress("redis", (("cache", 1),), database=3, password="secret")),
        (
            "rediss://u:p%2Fw@cache:1/0",
            RedisAddress("redis", (("cache", 1),), username="u", password="p/w", is_tls=True),
        ),
        ("redis://[::1]:7/1", RedisAddress("redis", (("::1", 7),), database=1)),
        ("unix:///run/redis.sock?db=4", RedisAddress("unix", path="/run/redis.sock", database=4)),
        ("unix://u:p@/run/r.sock", RedisAddress("unix", path="/run/r.sock", username="u", password="p")),
        (
            SENTINELS,
            RedisAddress(
                "redis+sentinel",
                (("s1", 1), ("s2", 26379), ("::1", 3)),
                "",
                "tickets",
                2,
                username="app",
                password="p@ss",
            ),
        ),
        ("redis+sentinel://s1/tickets", RedisAddress("redis+sentinel", (("s1", 26379),), service="tickets")),
        ("rediss+cluster://a,b:7", RedisAddress("redis+cluster", (("a", 6379), ("b", 7)), is_tls=True)),
    ],
)
def test_an_address_is_read(url, address):
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://secret@h", "is not the address of a Redis"),
        ("redis://", "is not the address of a Redis"),
        ("redis://:secret@h:port/0", "names no host and port"),
        ("redis://:secret@h:70000/0", "names no host and port"),
        ("redis://:secret@h/zero", "doesn't end with the number of a database"),
        ("redis://:secret@a,b/0", "names several hosts"),
        ("rediss://:secret@h/0?ssl_cert_reqs=none", "ends with a query"),
        ("redis+sentinel://:secret@a,b", "doesn't say what the sentinels call it"),
        ("redis+sentinel://:secret@a,b//0", "doesn't say what the sentinels call it"),
        ("redis+cluster://:secret@a,b/1", "has number 0 alone"),
    ],
)
def test_what_is_no_address_is_refused_by_name_and_not_shown(url, why):
    with pytest.raises(ImproperlyConfigured, match=f"^REDIS_URL .*{why}") as refused:
        Environment(REDIS_URL=url).redis("REDIS_URL", default="")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_celery_gets_the_same_server():
    assert broker_of(parse("redis://:p%2Fw@h:1/3"), {}) == {"url": "redis://:p%2Fw@h:1/3", "ssl": None, "options": {}}
    assert broker_of(parse("unix:///r.sock?db=2"), {})["url"] == "redis+socket:///r.sock?virtual_host=2"


def test_celery_gets_the_same_sentinels():
    found = broker_of(parse(SENTINELS), {}, sentinel_password="other")

    assert found["url"] == ";".join(f"sentinel://app:p%40ss@{each}/2" for each in ("s1:1", "s2:26379", "[::1]:3"))
    assert found["options"]["master_name"] == "tickets"
    assert found["options"]["sentinel_kwargs"]["password"] == "other"


def test_certificates_are_checked_wherever_tls_is_asked_for():
    files = {"ssl_ca_certs": "/ca.pem"}
    server = broker_of(parse("rediss://h/0"), files)
    sentinels = broker_of(parse("rediss+sentinel://h/tickets/0"), files)

    checked = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": "/ca.pem"}
    assert server["ssl"] == sentinels["ssl"] == checked
    asking = sentinels["options"]["sentinel_kwargs"]
    assert asking["ssl"] is True
    assert checked.items() <= asking.items()


def test_a_cluster_without_a_broker_is_refused_by_the_variable_that_is_missing():
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_URL names a cluster.*set BROKER_URL"):
        broker_settings("REDIS_URL", "redis+cluster://a", files={}, sentinel_password="")


def test_files_of_tls_must_be_there_and_belong_together(tmp_path):
    there = tmp_path / "file.pem"
    there.write_text("")
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_CA_PATH=.*/none\.pem is not a file that can be read\.$"):
        Environment(REDIS_CA_PATH=str(tmp_path / "none.pem")).readable("REDIS_CA_PATH")
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_KEY_PATH is set and REDIS_CERTIFICATE_PATH is not"):
        Environment(REDIS_KEY_PATH=str(there)).readable("REDIS_KEY_PATH", along_with="REDIS_CERTIFICATE_PATH")
    assert Environment(REDIS_CA_PATH=str(there)).readable("REDIS_CA_PATH") == str(there)

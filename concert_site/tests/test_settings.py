"""What the settings refuse."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from concert_site.env_vars import Env


class Environment(Env):
    """One that is not this process's."""

    def __init__(self, **variables):
        super().__init__()
        self.ENVIRON = variables


@pytest.mark.parametrize("text", ["abc", "", "0", "-1", "1.5", "300 s"])
def test_a_number_that_makes_no_sense_is_named(text):
    env = Environment(HOLD_SECONDS=text)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.whole("HOLD_SECONDS", default=300)
    assert str(refused.value) == f"HOLD_SECONDS={text} is not a whole number of at least 1."


def test_a_number_may_be_none_where_that_makes_sense():
    assert Environment(LOBBY_SECONDS="0").whole("LOBBY_SECONDS", default=3600, least=0) == 0
    assert Environment().whole("LOBBY_SECONDS", default=3600, least=0) == 3600
    with pytest.raises(ImproperlyConfigured, match="at least 0"):
        Environment(LOBBY_SECONDS="-1").whole("LOBBY_SECONDS", default=3600, least=0)


@pytest.mark.parametrize("text", ["abc", "", "0", "-1", "nan", "inf"])
def test_a_time_to_wait_is_above_zero(text):
    with pytest.raises(ImproperlyConfigured, match=r"REDIS_TIMEOUT_SECONDS=.* is not a number above 0"):
        Environment(REDIS_TIMEOUT_SECONDS=text).duration("REDIS_TIMEOUT_SECONDS", default=0.5)
    assert Environment(REDIS_TIMEOUT_SECONDS="0.2").duration("REDIS_TIMEOUT_SECONDS", default=0.5) == 0.2


def test_a_time_to_wait_may_have_a_least():
    env = Environment(DATABASE_SILENCE_SECONDS="0.3")
    assert env.duration("DATABASE_SILENCE_SECONDS", default=1.2, least=0.3) == 0.3
    with pytest.raises(ImproperlyConfigured, match=r"is too short: 0\.4 s at least"):
        env.duration("DATABASE_SILENCE_SECONDS", default=1.2, least=0.4)


@pytest.mark.parametrize("text", ["10", "10:", "a:b", "7:101", "-1:0", "7:-1", "7:10:3", "10:0;7:10"])
def test_a_cancellation_tier_is_days_and_percent(text):
    with pytest.raises(ImproperlyConfigured, match=f"CANCELLATION_TIERS: '{text}' is not days:percent"):
        Environment(CANCELLATION_TIERS=f"1:30,{text}").tiers("CANCELLATION_TIERS", default=["10:0"])


def test_cancellation_tiers_are_read():
    assert Environment(CANCELLATION_TIERS="3:0, 0:100").tiers("CANCELLATION_TIERS", default=[]) == [(3, 0), (0, 100)]
    assert Environment().tiers("CANCELLATION_TIERS", default=["10:0", "7:10"]) == [(10, 0), (7, 10)]


@pytest.mark.parametrize("text", ["nonsense", "", "mysql://u:secret@h/db", "postgresql://u:secret@h:port/db", "//["])
def test_an_address_of_no_postgresql_is_refused_and_not_shown(text):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is not the address") as refused:
        Environment(DATABASE_URL=text).postgres("DATABASE_URL", default="postgresql:///frontrow")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("one,two", "one,two", "5432,5432"),
        ("one:5433,two", "one,two", "5433,5432"),
        ("[::1]:5433,10.0.0.2:5434,three", "::1,10.0.0.2,three", "5433,5434,5432"),
    ],
)
def test_several_hosts_are_kept_for_libpq(hosts, host, port):
    address = f"postgresql://u:a%2Cb@{hosts}/db?target_session_attrs=any"
    found = Environment(DATABASE_URL=address).postgres("DATABASE_URL", default="")
    assert (found["HOST"], found["PORT"], found["NAME"]) == (host, port, "db")
    assert (found["USER"], found["PASSWORD"], found["OPTIONS"]) == ("u", "a,b", {"target_session_attrs": "any"})


@pytest.mark.parametrize("hosts", ["one,", "one,two:x", "one:1:2,two", ",two", "[::1,two"])
def test_several_hosts_of_which_one_is_none_are_refused(hosts):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is not the address") as refused:
        Environment(DATABASE_URL=f"postgresql://u:secret@{hosts}/db").postgres("DATABASE_URL", default="")
    assert "secret" not in str(refused.value)


def test_a_password_may_hold_what_other_addresses_may_not():
    found = Environment(DATABASE_URL="postgres://u:a[b@h/db").postgres("DATABASE_URL", default="postgresql:///frontrow")
    assert (found["PASSWORD"], found["HOST"], found["NAME"]) == ("a[b", "h", "db")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://tickets.example.com/", "https://tickets.example.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://example.com/tickets/", "https://example.com/tickets"),
    ],
)
def test_an_address_for_links_ends_without_a_slash(text, address):
    assert Environment(SITE_URL=text).web_address("SITE_URL", default="") == address


@pytest.mark.parametrize(
    "text", ["", "example.com", "ftp://example.com", "javascript:alert(1)", "https://", "https://a b/", 'https://a/"x']
)
def test_what_is_no_address_for_links_is_named(text):
    with pytest.raises(ImproperlyConfigured, match=r"SITE_URL=.* is not an address such as"):
        Environment(SITE_URL=text).web_address("SITE_URL", default="")

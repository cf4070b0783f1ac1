"""Passwords are guessed over HTTP, from one network and from many: slow for who guesses, not for the owner."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from concert_site.accounts import brute_force, devices
from concert_site.accounts.devices import SALT, Device, account_key
from concert_site.accounts.models import KnownNetwork
from concert_site.accounts.tests.callers import Caller
from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.accounts.tests.headless import PASSWORD
from concert_site.lib.attempt_limits import Limit
from concert_site.tests.away import redis_away

pytestmark = pytest.mark.django_db(transaction=True)

HOME, CAFE, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.66"
WRONG = "wrong horse 9"
FAN = "fan@example.com"


@pytest.fixture
def at(live_server):
    """A client at an address."""
    return lambda address: Caller(live_server, address)


@pytest.fixture
def fan():
    return make_fan(email=FAN, password=PASSWORD)


def guess(caller, times, email=FAN, **headers):
    return [caller.log_in(email, WRONG, **headers).status for _ in range(times)]


@pytest.fixture
def storm(at, monkeypatch):
    """Have guessing at the account made slow for all who are unknown: by a few networks, where a site takes fifty."""
    few = replace(brute_force.GUESSES, account=(Limit("account", 5, brute_force.HOUR),))
    monkeypatch.setattr(brute_force, "GUESSES", few)
    return lambda: {status for nth in range(7) for status in guess(at(f"127.0.1.{nth + 1}"), 1)}


# --- Who guesses -------------------------------------------------------------------------------


def test_after_five_wrong_guesses_a_network_waits_whatever_the_password(at, fan):
    stranger = at(STRANGER)

    assert guess(stranger, 6) == [400] * 5 + [429]
    right = stranger.log_in(FAN)
    assert right.status == 429
    assert right.json["errors"][0]["code"] == "too_many_login_attempts"
    assert 290 <= right.seconds <= 300
    by_page = at(STRANGER).log_in_by_page(FAN)
    assert (by_page.status, 290 <= by_page.seconds <= 300) == (429, True)
    assert b"Too many attempts." in by_page.body


def test_another_spelling_of_an_address_is_no_other_account(at, fan):
    def wide(nth):
        return f"fan@{'example'[:nth]}{chr(ord('example'[nth]) + 0xFEE0)}{'example'[nth + 1 :]}.com"

    assert at(STRANGER).log_in(wide(0)).status == 200
    statuses = [status for nth in range(6) for status in guess(at(CAFE), 1, wide(nth))]
    assert statuses == [400] * 5 + [429]
    assert at(CAFE).log_in(FAN).status == 429


def test_a_refused_guess_is_not_hashed(at, fan, monkeypatch):
    stranger = at(STRANGER)
    guess(stranger, 5)
    monkeypatch.setattr("django.contrib.auth.hashers.check_password", None)
    monkeypatch.setattr("django.contrib.auth.hashers.make_password", None)

    assert guess(stranger, 3) == [429] * 3


def test_thirty_guesses_ten_at_a_time_are_no_more_than_thirty_in_a_row(at, fan):
    # Ten at a time: so many may wait to be accepted by Django's own server, which resets the others.
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: guess(at(STRANGER), 1)[0], range(30)))

    assert (statuses.count(400), statuses.count(429)) == (5, 25)


def test_an_account_that_is_not_there_is_refused_alike(at, fan):
    stranger, other = at(STRANGER), at(CAFE)

    assert guess(stranger, 6, "nobody@example.com") == guess(other, 6) == [400] * 5 + [429]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP"])
def test_no_header_makes_another_network_of_a_stranger(at, fan, header):
    stranger = at(STRANGER)

    statuses = [stranger.log_in(FAN, WRONG, **{header: f"10.0.0.{nth}"}).status for nth in range(6)]

    assert statuses == [400] * 5 + [429]


def test_behind_our_proxy_its_own_entry_counts_and_nothing_before_it(at, fan, settings):
    settings.BEHIND_PROXY = True
    proxy = at("127.0.0.1")

    forged = [proxy.log_in(FAN, WRONG, **{"X-Forwarded-For": f"10.0.0.{nth}, 192.0.2.7"}).status for nth in range(6)]
    elsewhere = proxy.log_in(FAN, **{"X-Forwarded-For": "192.0.2.7, 192.0.2.8"}).status

    assert forged == [400] * 5 + [429]
    assert elsewhere == 200


def test_a_household_of_ipv6_is_one_network(at, fan, settings):
    settings.BEHIND_PROXY = True
    proxy = at("127.0.0.1")

    statuses = [proxy.log_in(FAN, WRONG, **{"X-Forwarded-For": f"2001:db8:1:2:{nth}::1"}).status for nth in range(6)]
    next_door = proxy.log_in(FAN, WRONG, **{"X-Forwarded-For": "2001:db8:1:3::1"}).status

    assert statuses == [400] * 5 + [429]
    assert next_door == 400


def test_guessing_from_many_networks_is_slowed_for_all_that_are_unknown(at, fan, storm):
    assert storm() == {400, 429}
    assert guess(at(STRANGER), 1) == [429]
    # The owner too, on a new phone at a new place; a code by mail is the way in (below).
    assert at(CAFE).log_in(FAN).status == 429


def test_one_network_that_tries_every_account_is_slowed(at, monkeypatch):
    few = replace(brute_force.GUESSES, network=(Limit("network", 20, 60),))
    monkeypatch.setattr(brute_force, "GUESSES", few)
    make_fan(email=FAN, password=PASSWORD)
    sprayer = at(STRANGER)

    statuses = [sprayer.log_in(f"fan{nth}@example.com", "Password2026!").status for nth in range(25)]

    assert statuses == [400] * 20 + [429] * 5
    assert sprayer.log_in(FAN).status == 429
    assert at(CAFE).log_in(FAN).status == 200


def test_forty_people_of_one_phone_network_mistype_and_all_get_in(at):
    for nth in range(40):
        make_fan(email=f"fan{nth}@example.com", password=PASSWORD)
    network = at(HOME)

    assert {network.log_in(f"fan{nth}@example.com", WRONG).status for nth in range(40)} == {400}
    assert {network.log_in(f"fan{nth}@example.com").status for nth in (0, 39)} == {200}


# --- Whose account it is -----------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_fan, make_staff])
def test_the_owner_at_a_network_of_theirs_is_not_shut_out(at, make, storm):
    make(email=FAN, password=PASSWORD)
    at(HOME).log_in(FAN)

    assert storm() == {400, 429}
    guess(at(STRANGER), 6)

    assert at(HOME).log_in(FAN).status == 200
    assert at(HOME).log_in_by_page(FAN).status == 302


@pytest.mark.parametrize("make", [make_fan, make_staff])
def test_the_owner_with_a_browser_of_theirs_is_not_shut_out_anywhere(at, make, storm):
    make(email=FAN, password=PASSWORD)
    browser = at(HOME)
    browser.log_in_by_page(FAN)
    browser.form("/accounts/logout/")

    assert storm() == {400, 429}
    guess(at(CAFE), 6)
    browser.address = CAFE

    assert browser.log_in_by_page(FAN).status == 302


def test_the_owner_with_an_app_of_theirs_is_not_shut_out_anywhere(at, fan, storm):
    token = at(HOME).log_in(FAN).json["meta"]["device_token"]

    assert storm() == {400, 429}
    guess(at(CAFE), 6)
    with_token = at(CAFE).log_in(FAN, **{"X-Device-Token": token})

    assert with_token.status == 200
    assert with_token.json["meta"]["device_token"]


def test_brute_force_against_an_account_leaves_its_sessions_alone(at, fan, storm):
    meta = at(HOME).log_in(FAN).json["meta"]
    assert storm() == {400, 429}

    renewed = at(CAFE).api("tokens/refresh", {"refresh_token": meta["refresh_token"]})
    access = {"Authorization": f"Bearer {renewed.json['data']['access_token']}"}

    assert renewed.status == 200
    assert at(CAFE).ask("GET", "/api/v1/wallet/", **access).status == 200
    assert at(CAFE).api("auth/reauthenticate", {"password": PASSWORD}, **access).status == 200


def test_a_code_by_mail_lets_the_owner_in_on_a_new_phone_at_a_new_place(at, fan, mailoutbox, storm):
    assert storm() == {400, 429}
    phone = at(CAFE)
    asked = phone.form("/accounts/password/reset/", email=FAN)
    code = next(line for line in mailoutbox[0].body.splitlines() if len(line) == 9 and line[4] == "-")
    phone.form(asked.headers["Location"], code=code)
    chosen = "another horse 10"
    done = phone.form("/accounts/password/reset/complete/", password1=chosen, password2=chosen)

    assert done.status == 302
    assert phone.log_in_by_page(FAN, chosen).status == 302


def test_signing_up_makes_the_device_and_the_network_known(at, storm):
    made = at(HOME).api("auth/signup", {"email": FAN, "password": PASSWORD})
    assert storm() == {400, 429}

    assert at(HOME).log_in(FAN).status == 200
    assert at(CAFE).log_in(FAN, **{"X-Device-Token": made.json["meta"]["device_token"]}).status == 200


# --- What a device's token is worth ------------------------------------------------------------


def test_a_device_guesses_as_slowly_and_its_token_is_no_login(at, fan):
    token = {"X-Device-Token": at(HOME).log_in(FAN).json["meta"]["device_token"]}

    assert guess(at(STRANGER), 11, **token) == [400] * 10 + [429]
    assert at(STRANGER).ask("GET", "/api/v1/wallet/", **token).status == 401


def test_the_token_of_an_own_account_opens_nobody_elses(at, fan):
    make_fan(email="mallory@example.com", password=PASSWORD)
    token = {"X-Device-Token": at(STRANGER).log_in("mallory@example.com").json["meta"]["device_token"]}

    assert guess(at(STRANGER), 6, **token) == [400] * 5 + [429]


@pytest.mark.parametrize("token", ["x", "x" * 9000, "W10:1:x", "é", "a:b:c", ""])
def test_a_forged_token_is_none(at, fan, token):
    assert guess(at(STRANGER), 6, **{"X-Device-Token": token}) == [400] * 5 + [429]


def test_a_token_signed_with_another_key_is_none(at, fan, settings):
    key, settings.SECRET_KEY = settings.SECRET_KEY, "k" * 50
    token = Device(accounts=(account_key(FAN),)).token()
    settings.SECRET_KEY = key

    assert guess(at(STRANGER), 6, **{"X-Device-Token": token}) == [400] * 5 + [429]


def test_the_cookie_is_kept_from_scripts_and_sent_to_the_login_alone(at, fan):
    browser = at(HOME)
    browser.log_in_by_page(FAN)
    cookie = browser.cookies["device"]

    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/accounts/", True, "Lax")
    assert int(cookie["max-age"]) == 400 * 86_400
    assert SALT not in cookie.value
    assert FAN not in cookie.value


def test_a_shared_tablet_knows_its_five_newest_accounts():
    device = Device()
    for nth in range(7):
        device = device.with_account(f"account {nth}")

    assert device.accounts == tuple(f"account {nth}" for nth in range(2, 7))


def test_networks_are_kept_as_hashes_and_no_more_than_some(at, fan, storm, monkeypatch):
    monkeypatch.setattr(devices, "MOST_NETWORKS", 2)
    for nth in range(3):
        assert at(f"127.0.2.{nth + 1}").log_in(FAN).status == 200

    kept = KnownNetwork.objects.all()
    assert kept.count() == 2
    assert not any("127.0" in f"{row.account}{row.network}" or "example" in f"{row}" for row in kept)
    # The oldest was forgotten, the newest was not.
    assert storm() == {400, 429}
    assert at("127.0.2.1").log_in(FAN).status == 429
    assert at("127.0.2.3").log_in(FAN).status == 200


@pytest.mark.parametrize(
    ("limits", "device", "pair", "account", "network"),
    [
        ("GUESSES", [(10, 300), (60, 86_400)], [(5, 300), (40, 86_400)], [(50, 3_600)], [(100, 60), (1_000, 3_600)]),
        ("MAILS", [(5, 3_600)], [(3, 900)], [(6, 3_600)], [(60, 600)]),
    ],
)
def test_the_limits_are_those_that_the_documentation_names(limits, device, pair, account, network):
    """docs/security.md and docs/api.md."""
    found = getattr(brute_force, limits)
    kinds = (found.device, found.pair, found.account, found.network)

    assert [[(limit.most, limit.seconds) for limit in kind] for kind in kinds] == [device, pair, account, network]
    assert devices.MOST_NETWORKS == 20


# --- Redis, and the switch ---------------------------------------------------------------------


def test_guessing_is_as_slow_while_redis_is_away(at, fan):
    with redis_away():
        assert guess(at(STRANGER), 6) == [400] * 5 + [429]
        assert at(STRANGER).log_in(FAN).status == 429
        assert at(CAFE).log_in(FAN).status == 200


def test_a_rehearsal_without_limits_has_none(at, fan, settings):
    settings.THROTTLE = False

    assert guess(at(STRANGER), 8) == [400] * 8

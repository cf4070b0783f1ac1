"""Login goes on while Redis is away, or is there and says nothing."""

import socket
import time

import pytest

from concert_site.accounts.tests.factories import api_of, make_fan, make_staff
from concert_site.accounts.tests.headless import PASSWORD, log_in, post, sign_up
from concert_site.tests.away import start_over

pytestmark = pytest.mark.django_db
# The breaker asks Redis once, waits for the timeout of its client, and leaves it alone for a second. The rest is room
# for a busy machine.
PATIENCE_SECONDS = 8.0


@pytest.fixture(params=["nobody listens", "nobody answers"])
def redis_away(request, settings, tmp_path):
    path = str(tmp_path / "redis")
    with socket.socket(socket.AF_UNIX) as silent:
        if request.param == "nobody answers":
            silent.bind(path)
            silent.listen(100)
        settings.REDIS_URL = f"unix://{path}"
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
        start_over()
        yield
    start_over()


def test_sign_up_login_and_refresh_go_on(redis_away):
    started = time.monotonic()

    made = sign_up("fan@example.com")
    entered = log_in("fan@example.com")
    refreshed = post("tokens/refresh", {"refresh_token": entered.json()["meta"]["refresh_token"]})

    assert [made.status_code, entered.status_code, refreshed.status_code] == [200, 200, 200]
    assert time.monotonic() - started < PATIENCE_SECONDS


def test_a_wrong_password_is_still_refused(redis_away):
    make_fan(email="fan@example.com", password=PASSWORD)

    assert log_in("fan@example.com", "wrong horse 9").status_code == 400


def test_the_wallet_and_the_admin_go_on(redis_away, client):
    staff = make_staff(password=PASSWORD)
    client.force_login(staff)

    assert api_of(staff).get("/api/v1/wallet/").status_code == 200
    assert client.get("/admin/").status_code == 200

"""What goes out compressed, and what of it is made once."""

import gzip
import json

import pytest
from django.test import Client

from concert_site.lib.web import compression
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db

GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def availability():
    schedule = make_schedule()
    make_seats(schedule, 1500)
    return f"/api/v1/schedules/{schedule.pk}/availability/"


def test_pages_are_compressed_for_who_takes_it():
    plain, packed = Client().get("/"), Client().get("/", headers=GZIP)

    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    assert len(packed.content) < len(plain.content) / 2
    assert "Content-Encoding" not in plain
    assert b"</html>" in gzip.decompress(packed.content)


def test_the_length_of_a_page_tells_little_of_what_is_in_it():
    """Against BREACH: the same page has another length each time, by up to a hundred bytes."""
    lengths = {len(Client().get("/", headers=GZIP).content) for _ in range(12)}

    assert len(lengths) > 4


def test_pages_with_secrets_that_are_not_masked_stay_as_they_are():
    assert "Content-Encoding" not in Client().get("/accounts/login/", headers=GZIP)


def test_public_json_is_compressed_once_a_version(availability, monkeypatch):
    made, compress = [], gzip.compress
    monkeypatch.setattr(
        compression.gzip, "compress", lambda *args, **options: made.append(1) or compress(*args, **options)
    )

    first, second = (Client().get(availability, headers=GZIP) for _ in range(2))

    assert first.content == second.content
    assert first["ETag"].startswith("W/")
    assert first["Vary"] == "Accept-Encoding"
    assert len(made) == 1


def test_a_compressed_version_is_known_by_its_tag(availability):
    first = Client().get(availability, headers=GZIP)
    assert json.loads(gzip.decompress(first.content))["seats_left"] == 1500

    again = Client().get(availability, headers=GZIP | {"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content, again["Vary"]) == (304, b"", "Accept-Encoding")
    assert "Content-Encoding" not in again


def test_what_is_short_or_a_fans_own_data_stays_as_it_is(availability):
    short = Client().get(availability.replace("availability", "queue"), headers=GZIP)
    own = Client().get("/api/v1/wallet/", headers=GZIP)

    assert "Content-Encoding" not in short
    assert "Content-Encoding" not in own

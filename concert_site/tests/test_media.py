"""Posters as browsers get them: kept for ever, never a page of ours, and nothing else from that folder."""

from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from reservations.domain.posters import Poster, clean_poster, set_poster
from reservations.models.posters import small_name
from reservations.tests.factories import make_concert

DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A folder of this test's own, in a folder with a secret."""
    settings.MEDIA_ROOT = tmp_path / "media"
    (tmp_path / "secret_key").write_text("secret")
    return settings.MEDIA_ROOT


@pytest.fixture
def address(db):
    """Where the poster of a concert is."""
    file = BytesIO()
    Image.new("RGB", (600, 800), "red").save(file, "PNG")
    return f"/media/{set_poster(concert_id=make_concert().pk, poster=clean_poster(file))}"


@pytest.fixture
def drawing(db):
    """Where a drawing of the demo is."""
    return f"/media/{set_poster(concert_id=make_concert().pk, poster=Poster('svg', DRAWING))}"


def test_a_poster_is_served_and_kept_for_ever(address, media):
    response = Client().get(address)

    assert response.status_code == 200
    assert response.content == (media / address.removeprefix("/media/")).read_bytes()
    assert response["Content-Type"] == "image/webp"
    assert response["Content-Length"] == str(len(response.content))
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response.has_header("Vary")
    assert not response.cookies


def test_the_small_picture_is_served(address):
    response = Client().get(f"/media/{small_name(address.removeprefix('/media/'))}")

    assert response.status_code == 200
    assert Image.open(BytesIO(response.content)).width == 480


def test_serving_asks_the_database_nothing(address):
    with CaptureQueriesContext(connection) as queries:
        Client().get(address)

    assert len(queries) == 0


def test_a_poster_that_the_browser_has_is_not_sent_again(address):
    etag = Client().get(address)["ETag"]
    small = f"/media/{small_name(address.removeprefix('/media/'))}"

    again = Client().get(address, headers={"If-None-Match": etag})

    assert again.status_code == 304
    assert again.content == b""
    assert again["ETag"] == etag
    assert Client().get(small, headers={"If-None-Match": etag}).status_code == 200


def test_a_head_has_the_headers_alone(address):
    response = Client().head(address)

    assert response.status_code == 200
    assert response.content == b""
    assert int(response["Content-Length"]) > 0


def test_a_drawing_can_run_nothing(drawing):
    response = Client().get(drawing)

    assert response["Content-Type"] == "image/svg+xml"
    assert response["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_poster_is_only_read(address):
    for method in ("post", "put", "delete"):
        response = getattr(Client(), method)(address)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "posters",
        "posters/",
        "posters/README.txt",
        "posters/.killed.new",
        "../secret_key",
        "posters/../../secret_key",
        "posters/..%2f..%2fsecret_key",
        "%2e%2e/secret_key",
        "posters/" + "a" * 64 + ".webp",
        "posters/" + "A" * 64 + ".webp",
        "posters/" + "a" * 64 + ".html",
        "posters/" + "a" * 64 + ".webp/",
        "posters/" + "a" * 64 + ".webp\n",
        "posters/" + "a" * 64 + ".webp%00",
        "/etc/passwd",
    ],
)
def test_media_serves_posters_alone(address, media, path):
    (media / "posters" / "README.txt").write_text("not ours")
    (media / "posters" / ".killed.new").write_text("half")

    response = Client().get(f"/media/{path}")

    assert response.status_code == 404
    assert "immutable" not in response.get("Cache-Control", "")


def test_before_the_first_upload_there_is_nothing(db):
    assert Client().get("/media/posters/" + "a" * 64 + ".webp").status_code == 404

"""Static files under names with a hash."""

import re
from pathlib import Path

import pytest
from django.templatetags.static import static
from django.test import Client, override_settings

from concert_site.lib.web.static import collect_changed

# No query is made: closing an answer looks whether the connection of a test before is still good.
pytestmark = pytest.mark.django_db

STYLES = "css/frontrow.css"
OURS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
HASHED = re.compile(r"/static/(css/frontrow|js/seats)\.[0-9a-f]{12}\.(css|js)")


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """All of our own, collected once; what libraries have takes seconds more, and each demo in a test collects it."""
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=folder, STATICFILES_FINDERS=OURS):
        collect_changed()
    return folder


@pytest.fixture
def with_manifest(collected, settings):
    """The site as `up` leaves it."""
    settings.STATIC_ROOT = collected


def get(address, **headers):
    response = Client().get(address, headers=headers)
    body = b"".join(response) if response.streaming else response.content
    response.close()
    return response, body


def test_a_name_has_a_hash_and_is_kept_for_good(with_manifest):
    assert HASHED.fullmatch(static(STYLES))
    response, _ = get(static(STYLES))
    assert response.status_code == 200
    assert "immutable" in response["Cache-Control"]


def test_modules_import_each_other_by_their_hashes(with_manifest):
    _, script = get(static("js/seats.js"))
    (imported,) = re.findall(r'from "\./(hall_map\.[0-9a-f]{12}\.js)"', script.decode())
    assert f"/static/js/{imported}" == static("js/hall_map.js")
    assert get(f"/static/js/{imported}")[0].status_code == 200


def test_no_import_of_ours_is_left_plain(with_manifest, collected):
    scripts = [path.read_text() for path in Path(collected, "js").glob("*.js")]
    plain = [name for text in scripts for name in re.findall(r'(?:from|import) "(\./[a-z_]+\.js)"', text)]
    assert scripts
    assert plain == []


def test_who_takes_gzip_gets_what_was_packed(with_manifest):
    response, body = get(static(STYLES), accept_encoding="gzip")
    assert response["Content-Encoding"] == "gzip"
    assert body[:2] == b"\x1f\x8b"


def test_a_file_that_has_not_changed_is_not_sent_again(with_manifest):
    first, _ = get(static(STYLES))
    again, _ = get(static(STYLES), if_modified_since=first["Last-Modified"])
    assert again.status_code == 304


@pytest.mark.parametrize("name", [STYLES, "css/frontrow.000000000000.css"])
def test_a_plain_name_and_that_of_another_release_are_good_for_a_minute(with_manifest, name):
    response, _ = get(f"/static/{name}")
    assert (response.status_code, response["Cache-Control"]) == (200, "max-age=60, public")


@pytest.mark.parametrize("name", ["css/none.css", "css/none.000000000000.css", "../manage.py"])
def test_what_is_no_static_file_is_not_found(with_manifest, name):
    response, _ = get(f"/static/{name}")
    assert response.status_code == 404


def test_without_a_manifest_names_are_plain(tmp_path, settings):
    settings.STATIC_ROOT = tmp_path
    assert static(STYLES) == f"/static/{STYLES}"
    assert get(static(STYLES))[0].status_code == 200


@pytest.fixture
def small_release(tmp_path, settings):
    """A release of one static file, collected."""
    sources, settings.STATIC_ROOT = tmp_path / "sources", tmp_path / "collected"
    sources.mkdir()
    (sources / "a.css").write_text("a { color: red }")
    settings.STATICFILES_FINDERS = OURS
    settings.STATICFILES_DIRS = [sources]
    collect_changed()
    return sources


def collected_at(settings):
    return (settings.STATIC_ROOT / "staticfiles.json").stat().st_mtime_ns


def test_collecting_is_done_again_only_after_a_change(small_release, settings):
    before = collected_at(settings)

    collect_changed()
    unchanged = collected_at(settings)
    (small_release / "a.css").write_text("a { color: blue; }")
    collect_changed()

    assert unchanged == before
    assert collected_at(settings) > before


def test_what_was_collected_with_the_release_is_left_alone(small_release, settings, monkeypatch):
    (settings.STATIC_ROOT / ".collected").unlink()
    before = collected_at(settings)
    # As for the site's account on a host where the release is root's; root itself may write everywhere.
    monkeypatch.setattr("os.access", lambda _path, _mode: False)

    collect_changed()

    assert collected_at(settings) == before
    assert not (settings.STATIC_ROOT / ".collected").exists()

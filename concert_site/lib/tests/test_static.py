"""Static files under addresses with their version."""

import re

import pytest
from django.templatetags.static import static
from django.test import Client

from concert_site.lib.web.static import version_of

# No query is made: closing an answer looks whether the connection of a test before is still good.
pytestmark = pytest.mark.django_db

STYLES = "css/frontrow.css"


def sent(address):
    response = Client().get(address)
    response.close()
    return response.status_code, response.get("Cache-Control")


def test_an_address_names_what_is_in_the_file():
    assert re.fullmatch(r"/static/css/frontrow\.css\?v=[0-9a-f]{12}", static(STYLES))
    assert static(STYLES) != static("css/catalogue.css")


def test_a_file_that_is_not_there_has_no_version():
    assert static("css/none.css") == "/static/css/none.css"


def test_what_is_asked_for_by_its_version_is_kept_for_good():
    assert sent(static(STYLES)) == (200, "public, max-age=31536000, immutable")


@pytest.mark.parametrize("query", ["", "?v=", "?v=000000000000", "?w=1", "?v=../../x"])
def test_what_is_asked_for_otherwise_is_kept_for_a_minute(query):
    assert sent(f"/static/{STYLES}{query}") == (200, "max-age=60, public")


def test_a_file_that_has_not_changed_is_not_sent_again():
    response = Client().get(static(STYLES))
    response.close()

    again = Client().get(static(STYLES), headers={"if-modified-since": response["Last-Modified"]})

    assert (again.status_code, again["Cache-Control"]) == (304, "public, max-age=31536000, immutable")


def test_a_version_is_of_the_content():
    assert version_of(STYLES) == version_of(STYLES)
    assert version_of("css/none.css") is None

"""JSON as it is sent."""

import pytest
from django.utils.translation import gettext_lazy, override

from concert_site.lib.json import to_json


def test_a_text_that_is_translated_when_shown_is_sent_in_the_language_of_that_moment():
    text = gettext_lazy("Sold out.")

    with override("en"):
        assert to_json({"said": text}) == b'{"said":"Sold out."}'
    with override("ko"):
        assert to_json([text]) != b'["Sold out."]'


def test_what_is_no_json_is_an_error():
    with pytest.raises(TypeError, match="not JSON serializable: object"):
        to_json(object())

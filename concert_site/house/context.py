"""What the frame of every page knows of the house."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from concert_site.house import queries


def house(request: HttpRequest) -> dict[str, object]:
    """The house in the reader's language, read by the templates that show it."""
    language = get_language() or ""
    return {"house": SimpleLazyObject(lambda: queries.house_in(language))}

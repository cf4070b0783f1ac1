"""What is said in several languages, chosen for one reader."""

from collections.abc import Mapping
from typing import TypeVar

from django.utils.translation import get_language

T = TypeVar("T")


def in_language(said: Mapping[str, T], language: str | None = None) -> T | None:
    """What is said in this language, or without one in the reader's; else in its mother (`en` of `en-gb`), else the
    first that is said at all. What is empty isn't said.
    """
    wanted = language or get_language() or ""
    known = {code: each for code, each in said.items() if each}
    return known.get(wanted) or known.get(wanted.partition("-")[0]) or next(iter(known.values()), None)

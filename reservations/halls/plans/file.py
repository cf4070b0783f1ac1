"""From the bytes of a file to JSON that is safe to walk through."""

import json
from collections import Counter
from typing import NoReturn

from django.utils.translation import gettext as _

from concert_site.lib.formats import thousands
from reservations.halls.plans.foreign import foreign_kind
from reservations.halls.plans.packed import MOST_BYTES, too_large, unpacked
from reservations.halls.plans.problems import PlanRefused
from reservations.halls.plans.wrapped import unwrapped
from reservations.halls.values import Json

__all__ = ["MOST_BYTES", "read_json", "too_large"]

# More digits than any place on a map has, fewer than Python refuses to read.
MOST_DIGITS = 18
KEYS_LISTED = 5


def read_json(content: bytes) -> tuple[Json, str]:
    """The plan that a file holds, and where in the file it stands (blank: the file is the plan).

    A text in UTF-8, UTF-16 or UTF-32, with a byte order mark or without; alone, or packed by ZIP or gzip.

    :raises PlanRefused: if it is too large, or no JSON object in which every key occurs once
    """
    content = unpacked(content)
    if len(content) > MOST_BYTES:
        raise PlanRefused([too_large(len(content))])
    return unwrapped(parsed(decoded(content)), parsed)


def decoded(content: bytes) -> str:
    """The text of a file.

    :raises PlanRefused: if it is no Unicode, or of another kind than plans are
    """
    if kind := foreign_kind(content):
        raise PlanRefused([kind])
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise PlanRefused(
            [_("The file is not a text in UTF-8 (byte %(byte)s)") % {"byte": thousands(error.start)}]
        ) from error


def parsed(text: str) -> object:
    """What a text of JSON says.

    :raises PlanRefused: naming line and column where there is one
    """
    repeated: dict[str, None] = {}

    def once(pairs: list[tuple[str, object]]) -> Json:
        """An object; JSON lets a key occur twice, and then only one of its values would count."""
        found = dict(pairs)
        if len(found) < len(pairs):
            times = Counter(key for key, _value in pairs)
            repeated.update((key, None) for key, count in times.items() if count > 1)
        return found

    try:
        found: object = json.loads(text, object_pairs_hook=once, parse_int=whole_number, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno, "problem": error.msg}
        raise PlanRefused([_("The file is not JSON: line %(line)s, column %(column)s: %(problem)s") % where]) from error
    except RecursionError as error:
        raise PlanRefused([_("The file nests its objects too deeply for a seating plan")]) from error
    if repeated:
        keys = ", ".join(f"'{key[:50]}'" for key in list(repeated)[:KEYS_LISTED])
        raise PlanRefused([_("An object of the file has a key twice: %(keys)s") % {"keys": keys}])
    return found


def whole_number(digits: str) -> int | float:
    """A number without a fraction, however long."""
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON doesn't have and Python reads.

    :raises PlanRefused: always
    """
    raise PlanRefused([_("The file has %(name)s where a number should be") % {"name": name}])

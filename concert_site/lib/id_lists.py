"""Lists of ids in a request: what makes no sense, and which of them an error is about."""

from collections.abc import Collection, Sequence

from concert_site.lib.errors import Invalid
from concert_site.lib.lazy_text import StrOrPromise


def require_distinct(ids: Sequence[int], *, attr: str, none: StrOrPromise, twice: StrOrPromise) -> None:
    """Insist that the list `attr` names something, and each thing once.

    :raises Invalid: saying `none` if it is empty, or `twice` of every repeat
    """
    if not ids:
        raise Invalid(none, attr=attr)
    repeats = [index for index, each in enumerate(ids) if each in ids[:index]]
    if repeats:
        raise Invalid(twice, attr=attr, items=repeats)


def indexes_of(at_fault: Collection[int] | None, ids: Sequence[int]) -> list[int]:
    """Where in the request the ids at fault stand."""
    return [index for index, each in enumerate(ids) if each in (at_fault or ())]

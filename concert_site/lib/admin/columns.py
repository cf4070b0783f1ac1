"""What the admin's lists share: columns and filters in unfold's look, with types."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from unfold.decorators import display

from concert_site.lib.lazy_text import StrOrPromise

if TYPE_CHECKING:
    from django.contrib.admin import SimpleListFilter as ChoiceFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter as ChoiceFilter

__all__ = ["ChoiceFilter", "column", "value_column"]

Method = TypeVar("Method", bound=Callable[..., Any])  # Any: what a column shows is text, a label, a heading


def column(
    title: StrOrPromise,
    *,
    ordering: str | None = None,
    label: Mapping[str, str] | None = None,
    is_heading: bool = False,
    is_boolean: bool = False,
) -> Callable[[Method], Method]:
    """A method of an admin is a column of its list; None shows as a dash.

    :param label: the method answers a state and its text, shown in the state's colour of these
    :param is_heading: the method answers a title, what is below it, initials, and a picture
    """

    def decorate(method: Method) -> Method:
        shown: Method = display(
            description=title,
            ordering=ordering,
            label=label,
            header=is_heading or None,
            boolean=is_boolean or None,
            empty_value=None if is_boolean else "–",
        )(method)
        return shown

    return decorate


def value_column(
    title: StrOrPromise, path: str, as_text: Callable[[Any], str] = str, *, ordering: str | None = None
) -> Callable[[Any, Any], str | None]:  # Any: a value, an admin and a row
    """A column of one value: `value_column(_("price"), "seat_price", money)`, or of a related row: "user.email"."""

    def shown(_admin: Any, row: Any) -> str | None:
        for name in path.split("."):
            row = None if row is None else getattr(row, name)
        return None if row is None else as_text(row)

    return column(title, ordering=ordering)(shown)

"""Text for people: as it is, or translated once it is shown."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise
else:
    # Its types are no dependency of a site that runs.
    StrOrPromise = str

__all__ = ["StrOrPromise"]

"""What touches more than one row says how many of what, before it does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.utils.functional import Promise

from concert_site.lib.idempotency import request_hash

CONFIRMED, TOTAL, TYPED = "_confirmed", "_total", "_typed"
SELECTION = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
MOST_LINES = 30


@dataclass(frozen=True, slots=True)
class Question:
    """What is about to be done, to how many of what.

    :param counts: a line each: what, and how many in which state, in words
    :param total: how many rows
    :param is_wide: it reaches beyond what one usually means, such as more than one date: the number has to be typed
    """

    title: str | Promise
    counts: Sequence[tuple[str, str]]
    total: int
    warning: str | Promise = ""
    is_wide: bool = False

    @property
    def fingerprint(self) -> str:
        """What is asked, of which things: not in which state they are, which changes each second of a sale."""
        return request_hash({"title": str(self.title), "of": [what for what, _count in self.counts]})

    def is_confirmed_by(self, request: HttpRequest) -> bool:
        """Whether this very question was answered, for no fewer rows, with their number typed where that is asked."""
        if self.total <= 1:
            return True
        if self.is_changed(request):
            return False
        return not self.is_wide or digits_of(request.POST.get(TYPED, "")) == request.POST.get(TOTAL)

    def is_changed(self, request: HttpRequest) -> bool:
        """Whether something else was asked, or of fewer rows."""
        asked = digits_of(request.POST.get(TOTAL, ""))
        return request.POST.get(CONFIRMED) != self.fingerprint or int(asked or 0) < self.total

    def context(self, request: HttpRequest) -> dict[str, object]:
        """For admin/confirm_many.html."""
        sent = [(name, value) for name in SELECTION for value in request.POST.getlist(name)]
        was_asked, is_changed = CONFIRMED in request.POST, self.is_changed(request)
        return {
            "question": self,
            "shown": self.counts[:MOST_LINES],
            "more": max(0, len(self.counts) - MOST_LINES),
            "sent": sent,
            "is_changed": was_asked and is_changed,
            "is_mistyped": was_asked and not is_changed,
            "back": request.get_full_path(),
        }


def digits_of(typed: str) -> str:
    """The digits of a number as people write it: 27,148 or 27 148."""
    return "".join(each for each in typed if each.isdecimal())[:20]

"""What a seat is called, in one sentence and in both languages: on pages, in mails, on tickets and in calendars.

Plans name rows as their makers like: "A", "Row A" or "A열". The word is ours to say, once, in the reader's language.
The functions are template filters too, known to every template (settings.TEMPLATES).
"""

import re
from typing import Protocol

from django import template
from django.utils.translation import gettext as _

register = template.Library()


class Named(Protocol):
    """Whatever has the address of a seat."""

    @property
    def section(self) -> str: ...
    @property
    def row(self) -> str: ...
    @property
    def seat_label(self) -> str: ...


# Before the name and apart from it, in Korean behind it. Plans come from all over: many are German.
ROW = re.compile(r"^(?:(?:rows?|reihe|fila|rij)\b[\s.:]*(?P<after>\S.*)|(?P<before>\S.*?)\s*[열줄])$", re.IGNORECASE)
SEAT = re.compile(
    r"^(?:(?:seat|sitz|platz|asiento|n[or]\.)(?!\w)[\s.:]*(?P<after>\S.*)|(?P<before>\S.*?)\s*번(?:석)?)$",
    re.IGNORECASE,
)
SECTION = re.compile(r"^(?:(?:section|block)\b[\s.:]*(?P<after>\S.*)|(?P<before>\S.*?)\s*구역)$", re.IGNORECASE)


def bare(word: re.Pattern[str], name: str) -> str:
    """A name without the word for what it names, if it has one: "Row A" and "A열" are "A"."""
    found = word.match(name.strip())
    return name.strip() if found is None else found["after"] or found["before"]


@register.filter
def section_name(section: str) -> str:
    """A section's own name, to stand beside the word for it."""
    return bare(SECTION, section)


@register.filter
def row_name(row: str) -> str:
    """A row's own name, to stand beside the word for it."""
    return bare(ROW, row)


@register.filter
def seat_number(label: str) -> str:
    """What is printed on the seat, to stand beside the word for it."""
    return bare(SEAT, label)


@register.filter
def seat_name(seat: Named) -> str:
    """A seat as one says it: "Parterre, row 3, seat 12", or "1층 3열 12번"."""
    return _("%(section)s, row %(row)s, seat %(label)s") % {
        "section": seat.section,
        "row": row_name(seat.row),
        "label": seat_number(seat.seat_label),
    }

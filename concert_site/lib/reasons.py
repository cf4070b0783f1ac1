"""Reasons that staff give: one line, which stands in the ledger or in a log."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid

LONGEST_REASON = 500


def require_reason(text: str, *, attr: str = "note") -> None:
    """Insist that the field `attr` says why.

    :raises Invalid: if it says nothing, or more than fits, or more than one line
    """
    if not text.strip() or len(text) > LONGEST_REASON or not text.isprintable():
        raise Invalid(_("Give a reason in one line, up to 500 characters."), attr=attr)

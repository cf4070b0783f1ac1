"""Reads of accounts."""

from concert_site.accounts.models import User

# Whoever looks for somebody writes more of the address than a hundred people share.
MOST_FOUND = 100


def users_matching(term: str) -> list[int]:
    """The ids of accounts whose address has these letters in it, the newest first, up to `MOST_FOUND`.

    What belongs to accounts is looked up in two steps, by these ids: then its own index on the user is used, where
    a join would read the whole table.
    """
    found = User.objects.filter(email__contains=term.strip().lower()).order_by("-pk")
    return list(found.values_list("pk", flat=True)[:MOST_FOUND])

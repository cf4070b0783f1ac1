"""The keys of searches, by the name under which the migration that made the first of them knows the module."""

from concert_site.lib.database.search_keys import (
    INITIALS,
    Initials,
    Joined,
    Lines,
    initials,
    joined,
    pattern_of,
    search_key,
    search_words,
)

__all__ = [
    "INITIALS",
    "Initials",
    "Joined",
    "Lines",
    "initials",
    "joined",
    "pattern_of",
    "search_key",
    "search_words",
]

"""The keys of searches, by the name under which the migration that made the first of them knows the module."""

from concert_site.lib.database.search_keys import Initials, Joined, Lines

__all__ = ["Initials", "Joined", "Lines"]

"""What a check of the audit is. The checks lie in each app's audit.py, concert_site.operations.audit runs them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A part of an invariant, as a query whose rows are its breaches: one text column named `breach`.

    The query names tables of its own and lower apps alone, and decides by what the rows say: an audit that
    looked at the clock would call a hold broken that has merely lapsed.
    """

    invariant: int
    sql: str

"""Rules that the database has as functions (an app's predicates.sql), for the ORM to call."""

from datetime import datetime

from django.db.models import BooleanField, DateTimeField, Expression, Func, Value
from django.db.models.functions import Now


class Predicate(Func):
    """A rule that a row keeps or doesn't: `Predicate("status", "expired_at", moment(now), function="seat_is_free")`.

    PostgreSQL writes the rule in the place of the call, so an index is used as if it had been written out.
    """

    output_field = BooleanField()


def moment(now: datetime | None) -> Expression | Func:
    """PostgreSQL's own time, or the one that a test hands in."""
    return Value(now, output_field=DateTimeField()) if now else Now()

"""What the writes of concerts, schedules and seats share inside a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError

from concert_site.lib.errors import Conflict, require_found
from reservations.models import ConcertSchedule


def lock_schedule(schedule_id: int) -> ConcertSchedule:
    """A schedule, with its concert and venue, locked until the caller's transaction ends; holds go on.

    They only refer to it.

    :raises NotFound: if there is none
    """
    locked = ConcertSchedule.objects.select_for_update(of=("self",), no_key=True)
    return require_found(locked.select_related("concert__venue").filter(pk=schedule_id).first())


@contextmanager
def raise_on_integrity_error(refusal: Conflict) -> Iterator[None]:
    """Around a transaction: what the database says of it, in our words.

    Of one that deletes, at its end: whoever held a seat and gave it back between a question and the statement has left
    a reservation, which points at a seat that is gone; the foreign key notices.

    :raises Conflict: this one, if the database refuses
    """
    try:
        yield
    except IntegrityError as error:
        raise refusal from error

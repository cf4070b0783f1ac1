"""What the writes of concerts, schedules and seats share inside a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import IntegrityError
from django.db.models import Model, QuerySet

from concert_site.lib.errors import Conflict, require_found
from reservations.models import ConcertSchedule

M = TypeVar("M", bound=Model)


def lock_row(rows: QuerySet[M], pk: int) -> M:
    """A row, locked until the caller's transaction ends; what only refers to it goes on.

    :raises NotFound: if there is none
    """
    return require_found(rows.select_for_update(of=("self",), no_key=True).filter(pk=pk).first())


def lock_schedule(schedule_id: int) -> ConcertSchedule:
    """A schedule, with its concert and venue, locked until the caller's transaction ends; holds go on.

    :raises NotFound: if there is none
    """
    return lock_row(ConcertSchedule.objects.select_related("concert__venue"), schedule_id)


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

"""Copying a date: the same hall, prices and limits on another evening."""

from datetime import datetime

from django.db import connection, transaction

from concert_site.lib.database.statements import sql_beside
from reservations.domain.programme import add_schedule, shifted
from reservations.domain.shows import Times, locked_schedule
from reservations.models import ConcertSchedule


@transaction.atomic(durable=True)
def copy_schedule(
    *, schedule_id: int, concert_at: datetime, opens_at: datetime | None = None, closes_at: datetime | None = None
) -> ConcertSchedule:
    """Make another date of the same concert: its seats and prices, its map, its limits; nobody has bought or waits.

    A time that is left out keeps its distance to the concert. Seats off sale stay off sale. The draw's seed is
    the database's own for each date; pause and message are of the evening they were meant for.

    :raises NotFound: if there is no such schedule
    :raises Invalid: if the times make no sense
    """
    # Who changes prices raises the version on this row: map and seats are copied as of one moment.
    source = locked_schedule(schedule_id)
    kept = shifted(source, concert_at)
    copy = add_schedule(
        concert_id=source.concert_id,
        times=Times(opens_at or kept.opens_at, closes_at or kept.closes_at, concert_at),
        queue_max_active=source.queue_max_active,
        tickets_per_fan=source.tickets_per_fan,
    )
    ConcertSchedule.objects.filter(pk=copy.pk).update(layout=source.layout)
    with connection.cursor() as cursor:
        cursor.execute(sql_beside(__file__, "copy_seats.sql"), {"source": source.pk, "copy": copy.pk})
    return copy

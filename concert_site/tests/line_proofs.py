"""A line judged from its rows and from what fans were answered, without a word of the code that made it."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.db import connection

from concert_site.tests.storm import Note

DRAWN = """
select t.number, t.token
  from waiting_token t join concert_schedule s on s.id = t.concert_schedule_id
 where s.id = %s and t.number is not null and t.created_at < s.reservation_available_at
 order by t.number
"""


def rows(sql: str, *params: object) -> list[tuple]:
    """The rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def overtaken(schedule: int, *, seconds: float) -> list[tuple[int, int]]:
    """Who was admitted after a higher number, or still waits, though in the line so long before: pairs, low and high.

    Of those who left before their turn nobody can say.
    """
    line = rows(
        "select number, updated_active_at, greatest(t.created_at, s.drawn_at) + make_interval(secs => %s)"
        " from waiting_token t join concert_schedule s on s.id = t.concert_schedule_id"
        " where s.id = %s and number is not null and (updated_active_at is not null or status = 'WAITING')"
        " order by number",
        seconds,
        schedule,
    )
    admitted = [(number, at) for number, at, _ in line if at is not None]
    return [
        (low, high)
        for low, served_at, settled_at in line
        for high, at in admitted
        if high > low and at > settled_at and (served_at is None or served_at > at)
    ]


def admissions_of_the_drawn(schedule: int) -> list[datetime]:
    """When those came in whose numbers are of the draw, by number: each is later than the one before, or the same."""
    return [
        at
        for (at,) in rows(
            "select updated_active_at from waiting_token t join concert_schedule s on s.id = t.concert_schedule_id"
            " where s.id = %s and t.created_at < s.drawn_at and updated_active_at is not null order by number",
            schedule,
        )
    ]


def draw_again(seed: bytes, tokens: list[UUID]) -> list[UUID]:
    """The order that the seed gives to these tokens."""

    def lot(token: UUID) -> str:
        entry = sha256(str(token).encode()).hexdigest()
        return sha256(f"{seed.hex()}:{entry}".encode()).hexdigest()

    return sorted(tokens, key=lot)


def draw_of(schedule: int) -> tuple[list[tuple[int, UUID]], list[tuple[int, UUID]]]:
    """The numbers of those who were there before the opening: as they are, and as they have to be."""
    drawn = rows(DRAWN, schedule)
    ((seed,),) = rows("select draw_seed from concert_schedule where id = %s", schedule)
    again = draw_again(bytes(seed), [token for _, token in drawn])
    return drawn, list(enumerate(again, start=1))


def broken_promises(schedule: int, notes: list[Note]) -> list[str]:
    """Fans whose token, number or place is not what they were answered."""
    found = rows(
        "select token, user_id, number, status, expired_reason, updated_active_at is not null"
        " from waiting_token where concert_schedule_id = %s",
        schedule,
    )
    places = {token: place for token, *place in found}
    gone = {note.token for note in notes if note.kind == "leaving"}
    broken = []
    for note in notes:
        if note.kind != "place":
            continue
        fan, number, *_ = places.get(note.token, (None, None))
        if fan != note.fan or (note.number is not None and note.number != number):
            broken.append(f"{note}: now fan {fan}, number {number}")
    for token, (_, number, status, reason, was_inside) in places.items():
        if status == "EXPIRED" and not was_inside and token not in gone:
            broken.append(f"{token}, number {number}: {reason}, though the fan did not leave")
        if status != "EXPIRED" and number is None:
            broken.append(f"{token}: no number")
    return broken

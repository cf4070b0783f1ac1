"""What one fan already has of the dates of a concert."""

from collections.abc import Sequence
from dataclasses import dataclass

from concert_site.lib.database.statements import fetch, sql_beside


@dataclass(frozen=True, slots=True)
class FanSchedule:
    """A fan's part in one schedule. The references are those of the newest booking, None without one.

    Who waits without a number stands in the lobby: numbers are yet to be drawn.
    """

    schedule_id: int
    is_waiting: bool
    is_in_lobby: bool
    is_inside: bool
    held: int
    held_reference: str | None
    tickets: int
    tickets_reference: str | None


def fan_schedules(*, user_id: int, schedule_ids: Sequence[int]) -> dict[int, FanSchedule]:
    """A fan's part in each of these schedules, by schedule: one query, however many they are."""
    params = {"fan": user_id, "schedule_ids": list(schedule_ids)}
    found = [FanSchedule(**row) for row in fetch(sql_beside(__file__, "fan_schedules.sql"), params)]
    return {each.schedule_id: each for each in found}

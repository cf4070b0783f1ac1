"""A date that is moved or canceled: steps of their own, with a reason that fans read.

The day that a show is played is the schedule's. Reservations keep the day and the name that were booked; all rules
(refunds, what is past, what is over) go by the schedule as it stands now.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Invalid
from concert_site.lib.languages import in_language
from concert_site.lib.zones import day_at
from reservations.domain import announcements, waiting_room
from reservations.domain.schedules import (
    ScheduleTimes,
    database_now,
    require_movable_opening,
    require_not_canceled,
    require_valid_times,
    shifted_times,
)
from reservations.domain.transactions import lock_schedule
from reservations.models import Announcement, AnnouncementKind, ConcertSchedule
from reservations.models.concert import LONGEST_CHANGE_REASON

MOST_FREE_DAYS = 365


@dataclass(frozen=True, slots=True)
class ChangeReason:
    """Why a date is moved or canceled, as fans read it: in Korean, in English, or in both."""

    ko: str = ""
    en: str = ""

    def require(self) -> None:
        """
        :raises Invalid: if nothing is said, or more than fits, or more than one line
        """
        for attr, text in (("reason_ko", self.ko), ("reason_en", self.en)):
            if len(text) > LONGEST_CHANGE_REASON or not text.isprintable():
                raise Invalid(_("Give a reason in one line, up to 500 characters."), attr=attr)
        if not self.ko.strip() and not self.en.strip():
            raise Invalid(_("Say why, in Korean, in English, or in both: fans read it."), attr="reason_ko")

    @property
    def both(self) -> str:
        """All that is said, as whoever changes the date looks it over."""
        return " / ".join(filter(None, [self.ko, self.en]))

    @property
    def text(self) -> str:
        """What is said in the reader's language, else in the other one."""
        return in_language({"ko": self.ko.strip(), "en": self.en.strip()}) or ""

    def columns(self) -> dict[str, str]:
        return {"change_reason_ko": self.ko.strip(), "change_reason_en": self.en.strip()}


@dataclass(frozen=True, slots=True)
class Move:
    """Where a date is moved, why, and for how many days its fans cancel for nothing.

    `seen` is when it was to be played as whoever moves it saw it. A time of the sale that is None follows.
    """

    concert_at: datetime
    seen: datetime
    reason: ChangeReason
    free_days: int = 0
    opens_at: datetime | None = None
    closes_at: datetime | None = None


def times_after(schedule: ConcertSchedule, move: Move, *, now: datetime) -> ScheduleTimes:
    """When a date is sold and played once it is moved.

    A sale that goes on, or is yet to open, closes as long before the concert as now; one that is over stays over. The
    opening stays as it was announced, unless it would come too late.
    """
    shifted = shifted_times(schedule, move.concert_at)
    is_over = schedule.deadline_at <= now
    closes_at = move.closes_at or (min(schedule.deadline_at, move.concert_at) if is_over else shifted.closes_at)
    opens_at = move.opens_at or schedule.reservation_available_at
    if move.opens_at is None and opens_at >= closes_at and not schedule.drawn_at:
        opens_at = shifted.opens_at
    return ScheduleTimes(opens_at=opens_at, closes_at=closes_at, concert_at=move.concert_at)


def move_date(
    *, schedule_id: int, move: Move, actor_id: int, key: UUID, now: datetime | None = None
) -> tuple[Announcement, bool]:
    """Move a date to another time, and owe a mail to everyone who has a ticket; whether this call did it.

    The same `key` again: nothing changes.

    :raises NotFound: if there is no such schedule
    :raises Invalid: if the times or the days make no sense, or no reason is given
    :raises Conflict: if it was canceled, or somebody else has moved it meanwhile; if numbers were drawn for the opening
    """
    move.reason.require()
    if not 0 <= move.free_days <= MOST_FREE_DAYS:
        raise Invalid(_("Choose between 0 and 365 days."), attr="free_days")
    moved, is_new = announcements.once(key, lambda: write_move(schedule_id, move, actor_id, key, now))
    if is_new:
        waiting_room.publish([schedule_id])
    return moved, is_new


@transaction.atomic(durable=True)
def write_move(schedule_id: int, move: Move, actor_id: int, key: UUID, now: datetime | None) -> Announcement:
    """The transaction of it; see `move_date`."""
    schedule = lock_schedule(schedule_id)
    at = now or database_now()
    require_movable(schedule, move, at)
    times = times_after(schedule, move, now=at)
    require_valid_times(times)
    require_movable_opening(schedule, times.opens_at)
    first = schedule.first_concert_at or schedule.concert_at
    free_until = free_refunds_until(schedule, move, at)
    free = {"free_refunds_until": free_until, "free_refunds_before": at} if free_until else {}
    ConcertSchedule.objects.filter(pk=schedule_id).update(
        **times.columns(schedule.concert.time_zone),
        first_concert_at=None if first == times.concert_at else first,
        **move.reason.columns(),
        **free,
    )
    moved = Announcement.objects.create(
        concert_schedule_id=schedule_id,
        kind=AnnouncementKind.MOVED,
        body_ko=move.reason.ko.strip(),
        body_en=move.reason.en.strip(),
        moved_from=schedule.concert_at,
        moved_to=times.concert_at,
        free_refunds_until=free_until,
        actor_id=actor_id,
        key=key,
        created_at=at,
    )
    announcements.address(moved)
    return moved


def require_movable(schedule: ConcertSchedule, move: Move, now: datetime) -> None:
    """
    :raises Conflict: if it was canceled, or isn't as whoever moves it saw it
    :raises Invalid: if it would be played in the past, or when it is played anyway
    """
    require_not_canceled(schedule)
    if schedule.concert_at != move.seen:
        raise Conflict(_("Somebody else has moved this date meanwhile. Please look at it again."))
    if move.concert_at <= now:
        raise Invalid(_("Choose a time that is still to come."), attr="concert_at")
    if move.concert_at == schedule.concert_at:
        raise Invalid(_("It is played at this time already."), attr="concert_at")


def free_refunds_until(schedule: ConcertSchedule, move: Move, now: datetime) -> date | None:
    """Until which day refunds are free after a move; None where it opens none. What was promised before stays."""
    if not move.free_days:
        return None
    until = day_at(now, schedule.concert.time_zone) + timedelta(days=move.free_days)
    return max(until, schedule.free_refunds_until or until)


def write_canceled(schedule: ConcertSchedule, reason: ChangeReason, now: datetime) -> None:
    """Cancel a date that is locked: a step of the caller's transaction, which sees to its fans' money.

    From here on nobody can join, hold or move it; its sale reads CLOSED for good.

    :raises Conflict: if it was canceled already
    """
    require_not_canceled(schedule)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(canceled_at=now, **reason.columns())

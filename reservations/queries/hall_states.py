"""The hall as staff see it: the state of every seat, who sits where, and for whom seats are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from concert_site.lib.database.statements import fetch
from reservations.models import ConcertSeat, NamedHold, NamedHoldSeat, Reservation
from reservations.models.named_hold import is_kept
from reservations.models.reservation import IS_LIVE
from reservations.models.seat import IS_FREE
from reservations.queries.staff import SeatCounts, count_aggregates

# A letter a seat by id: A free (a lapsed hold is), T held, R sold, C given away, U off sale, N kept by name.
CODES = """
select coalesce(string_agg(
           case when seat_is_free(s.status, s.expired_at, statement_timestamp()) then 'A'
                when s.status = 'TEMPORARY' then 'T'
                when s.status = 'RESERVED' then case when given.concert_seat_id is null then 'R' else 'C' end
                when kept.concert_seat_id is null then 'U' else 'N' end,
           '' order by s.id), '') as codes
  from concert_seat s
  left join (select h.concert_seat_id
               from named_hold_seat h join named_hold n on n.id = h.named_hold_id
              where n.concert_schedule_id = %(schedule)s::bigint and h.outcome is null) kept
         on kept.concert_seat_id = s.id
  left join (select r.concert_seat_id
               from reservation r
              where r.concert_schedule_id = %(schedule)s::bigint and r.complimentary and r.status = 'RESERVED') given
         on given.concert_seat_id = s.id
 where s.concert_schedule_id = %(schedule)s::bigint
"""
# As many as are told of at once.
MOST_TOLD = 200


def hall_codes(schedule_id: int) -> str:
    """The state of every seat of a date, a letter each: one statement."""
    return str(fetch(CODES, {"schedule": schedule_id})[0]["codes"])


@dataclass(frozen=True, slots=True)
class SeatDetails:
    """A seat with what staff may know of it: its reservation if somebody has it, its named hold if it is kept."""

    seat: ConcertSeat
    reservation: Reservation | None
    named_hold: NamedHold | None

    @property
    def is_free(self) -> bool:
        return bool(self.seat.is_free)  # type: ignore[attr-defined]  # annotated


def seat_details(schedule_id: int, seat_ids: Sequence[int]) -> list[SeatDetails]:
    """Seats of a date, in order, with who has them: three queries."""
    rows = ConcertSeat.objects.of_schedule(schedule_id).filter(pk__in=seat_ids).annotate(is_free=IS_FREE)
    seats = list(rows)
    ids = [seat.pk for seat in seats]
    live = Reservation.objects.filter(IS_LIVE, concert_seat__in=ids).select_related("user")
    kept = NamedHoldSeat.objects.filter(concert_seat__in=ids, outcome=None).select_related("named_hold")
    by_seat = {each.concert_seat_id: each for each in live}
    kept_by = {each.concert_seat_id: each.named_hold for each in kept}
    return [SeatDetails(seat, by_seat.get(seat.pk), kept_by.get(seat.pk)) for seat in seats]


def named_holds_of(schedule_id: int) -> QuerySet[NamedHold]:
    """The named holds of a date, those that still keep seats first, with how many seats became what."""
    counts = {
        "kept": Count("seats", filter=Q(seats__outcome=None)),
        "sold": Count("seats", filter=Q(seats__outcome="SOLD")),
        "given": Count("seats", filter=Q(seats__outcome="COMPLIMENTARY")),
        "released": Count("seats", filter=Q(seats__outcome="RELEASED")),
    }
    return NamedHold.objects.of_schedule(schedule_id).annotate(**counts).order_by("-pk").select_related("created_by")


@dataclass(frozen=True, slots=True)
class ChosenCounts(SeatCounts):
    """How many of the chosen seats are what, so that a step can say beforehand what it touches."""

    kept: int = 0

    @property
    def off_sale(self) -> int:
        """Off sale, and nobody's."""
        return self.off - self.kept


def chosen_counts(schedule_id: int, seat_ids: Sequence[int]) -> ChosenCounts:
    """Of these seats of a date, how many are free, held, sold, off sale, and of those kept by name: one query."""
    seats = ConcertSeat.objects.filter(concert_schedule_id=schedule_id, pk__in=seat_ids).order_by()
    return ChosenCounts(**seats.aggregate(**count_aggregates(), kept=Count("pk", filter=is_kept())))

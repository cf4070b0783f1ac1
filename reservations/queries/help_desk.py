"""What who helps a fan looks for: bookings by a part of their reference, seats by their names, whoever's they are."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from unicodedata import normalize

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from reservations.halls.seat_names import row_name, seat_number
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.models.reservation import IS_LIVE, REFERENCE_ALPHABET, REFERENCE_LENGTH, ReservationQuerySet
from reservations.queries.booking_summaries import BookingSummary, summary_of, with_schedule
from reservations.queries.payment_facts import with_payments

# References are made of these alone, so nothing else is looked for among them.
REFERENCE_PART = re.compile(rf"[{REFERENCE_ALPHABET}]{{3,{REFERENCE_LENGTH}}}")
BETWEEN = re.compile(r"[\s.,/–—-]+")
# Without a date a seat is looked for on so many evenings: the next ones, and that of today.
MOST_DATES = 20
LAST_NIGHT = timedelta(days=1)
DATE = re.compile(r"(?:(?P<year>20\d\d)\s*[-./년]\s*)?(?P<month>\d{1,2})\s*[-./월]\s*(?P<day>\d{1,2})\s*일?")
DATE_ALONE = re.compile(rf"(?<!\S){DATE.pattern}\.?(?!\S)")


@dataclass(frozen=True, slots=True)
class SearchedSeat:
    """A seat as somebody says it: the last word is the seat's, the one before it the row's or else the section's."""

    before: str
    row: str
    seat: str


@dataclass(frozen=True, slots=True)
class SearchedDay:
    """A day as somebody says it, perhaps without the year."""

    year: int | None
    month: int
    day: int


def reference_in(text: str) -> str | None:
    """The reference, or the part of one, that is written here; None if it can't be any."""
    plain = BETWEEN.sub("", normalize("NFKC", text)).upper()
    return plain if REFERENCE_PART.fullmatch(plain) else None


def references_with(part: str, most: int) -> list[str]:
    """References with this in them, up to `most`. The index of references is looked through, without the table."""
    named = Reservation.objects.filter(booking_reference__contains=part).order_by("booking_reference")
    return list(named.values_list("booking_reference", flat=True).distinct()[:most])


def is_reference(reference: str) -> bool:
    return Reservation.objects.filter(booking_reference=reference).exists()


def all_of_reference(references: Iterable[str]) -> ReservationQuerySet:
    """All that was ever booked under these references, by whomever, in the order in which it was booked."""
    booked = Reservation.objects.filter(booking_reference__in=list(references)).as_read()
    return with_payments(with_schedule(booked).select_related("concert_seat", "user")).order_by("pk")


def booking_of(reference: str) -> BookingSummary:
    """A booking, whoever's it is; one that was handed over is of two.

    :raises NotFound: if there is none
    """
    return summary_of(all_of_reference([reference]))


def bookings_of_fan(user_id: int, most: int) -> list[BookingSummary]:
    """A fan's bookings, the newest first, up to so many."""
    rows = Reservation.objects.filter(user_id=user_id).order_by("-pk").values_list("booking_reference", flat=True)
    # Seats of one booking follow each other; whoever exchanged one later has it twice.
    references = list(dict.fromkeys(rows[: most * 10]))[:most]
    together: dict[str, list[Reservation]] = {reference: [] for reference in references}
    for each in all_of_reference(references).of(user_id=user_id):
        together[each.booking_reference].append(each)
    return [summary_of(reservations) for reservations in together.values()]


# --- Seats -------------------------------------------------------------------------------------


def day_in(text: str) -> tuple[SearchedDay | None, str]:
    """The day that is written here, and what is left of the text without it."""
    found = DATE_ALONE.search(normalize("NFKC", text))
    if found is None:
        return None, text
    year = int(found["year"]) if found["year"] else None
    rest = normalize("NFKC", text)[: found.start()] + " " + normalize("NFKC", text)[found.end() :]
    return SearchedDay(year, int(found["month"]), int(found["day"])), rest


def searched_seat(text: str) -> SearchedSeat | None:
    """The seat that is written here: "R-12", "VIP A 3", "1층 3열 12번"; None if it is none."""
    plain = re.sub(r"\b(?:row|seat|section)\b", " ", normalize("NFKC", text), flags=re.IGNORECASE)
    words = [word for word in BETWEEN.split(plain) if word]
    if len(words) == 1 and (parts := re.fullmatch(r"([^\W\d_]+)(\d+)", words[0])):
        words = list(parts.groups())
    if len(words) < 2 or len(text) > 100:  # noqa: PLR2004  a place and a number
        return None
    return SearchedSeat(" ".join(words[:-2]), row_name(words[-2]), seat_number(words[-1]))


def seats_named(words: SearchedSeat, day: SearchedDay | None, most: int) -> list[ConcertSeat]:
    """Seats of this name on that day, or else on the next evenings, the soonest first, up to `most`."""
    dates = list(dates_of(day).values_list("pk", flat=True)[:MOST_DATES])
    there = ConcertSeat.objects.filter(this_seat(words.seat), concert_schedule__in=dates)
    rows = Q(row__in=spellings(words.row, "Row {}", "row {}", "{}열", "{}줄"))
    if words.before:
        ways = [rows & Q(section__in=spellings(words.before))]
    else:
        # Two words are a section and a seat, or a row and a seat.
        ways = [rows, Q(section__in=spellings(words.row, "{}석", "{}구역", "Section {}"))]
    # One by one: each is found by the index, which an OR of them would not be.
    found = {seat.pk: seat for way in ways for seat in read(there.filter(way))[: most + 1]}
    return sorted(found.values(), key=lambda seat: (seat.concert_schedule.concert_at, seat.pk))[:most]


def read(seats: QuerySet[ConcertSeat]) -> QuerySet[ConcertSeat]:
    related = seats.select_related("concert_schedule__concert__venue")
    return related.defer("concert_schedule__layout", "concert_schedule__draw_seed").order_by(
        "concert_schedule__concert_at", "pk"
    )


def this_seat(word: str) -> Q:
    """By what is printed on it, or by its number."""
    printed = Q(seat_label__in=spellings(word, "{}번"))
    return printed | Q(seat_number=int(word)) if word.isascii() and word.isdecimal() and len(word) < 10 else printed  # noqa: PLR2004  an integer


def spellings(word: str, *others: str) -> list[str]:
    """How plans write a word, each for the index to look up."""
    cases = dict.fromkeys([word, word.upper(), word.lower(), word.title()])
    return [*cases, *(other.format(case) for case in cases for other in others)]


def dates_of(day: SearchedDay | None) -> QuerySet[ConcertSchedule]:
    """The dates on a day, in whatever year if none was said; without a day those of last night and after."""
    if day is None:
        return ConcertSchedule.objects.filter(concert_at__gt=Now() - LAST_NIGHT).order_by("concert_at")
    on = {"concert_date__month": day.month, "concert_date__day": day.day}
    if day.year:
        on["concert_date__year"] = day.year
    return ConcertSchedule.objects.filter(**on).order_by("-concert_at")


def live_of_seats(seats: Sequence[ConcertSeat]) -> dict[int, Reservation]:
    """Who has these seats now: the live reservation of each, by the seat's id."""
    found = Reservation.objects.filter(IS_LIVE, concert_seat__in=[seat.pk for seat in seats]).select_related("user")
    return {each.concert_seat_id: each for each in found}

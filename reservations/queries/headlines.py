"""A concert in a few words: what a list says of all its dates together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reservations.queries.catalogue import Listing, Show
from reservations.queries.sales import SaleState

# What a reader would rather hear of, where the dates of a concert differ.
BEST_FIRST = (SaleState.OPEN, SaleState.LOBBY, SaleState.UPCOMING, SaleState.SOLD_OUT, SaleState.CLOSED)
BEFORE_THE_OPENING = (SaleState.LOBBY, SaleState.UPCOMING)


@dataclass(frozen=True, slots=True)
class Headline:
    """A concert with what its dates have in common.

    `next_show` is the first that is still to be played, else the last that was; None without any date.
    `more_dates` counts the others ahead. Prices and `seats_left` are those of the dates in `state`.
    """

    concert: Listing
    state: SaleState | None
    next_show: Show | None
    more_dates: int
    opens_at: datetime | None
    is_over: bool
    lowest: int | None
    highest: int | None
    seats_left: int


def headline(concert: Listing) -> Headline:
    """Say it all of one concert."""
    ahead = [show for show in concert.schedules if not is_over(show)]
    listed = ahead or concert.schedules[-1:]
    state = min((show.sale_state for show in listed), key=BEST_FIRST.index, default=None)
    alike = [show for show in listed if show.sale_state is state]
    prices = [price.seat_price for show in alike for price in show.prices]
    return Headline(
        concert=concert,
        state=state,
        next_show=listed[0] if listed else None,
        more_dates=max(0, len(ahead) - 1),
        opens_at=opening(alike) if state in BEFORE_THE_OPENING else None,
        is_over=bool(listed) and not ahead,
        lowest=min(prices, default=None),
        highest=max(prices, default=None),
        seats_left=sum(show.seats_left for show in alike),
    )


def is_over(show: Show) -> bool:
    """Whether it has begun: for who looks for a concert, that is over."""
    return show.concert_at <= show.read_at


def opening(shows: Sequence[Show]) -> datetime:
    """When the first of these sales opens."""
    return min(show.reservation_available_at for show in shows)

"""What everyone may know of a waiting room: the same for everybody, whatever the length of its line."""

from dataclasses import dataclass

from concert_site.lib.errors import NotFound
from queueing.domain import progress
from reservations.queries.availability import availability_of
from reservations.queries.sales import Sale, SaleState, public_sale_of, sale_state

# The states of a waiting room that a sale doesn't have.
DRAWING = "DRAWING"
PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True)
class Progress:
    """What everyone may know of a waiting room: its state, its line, the sale's facts, and the seats left."""

    state: str
    line: progress.Line
    sale: Sale
    seats_left: int


def progress_of(schedule_id: int) -> Progress:
    """The public progress, mostly from memory: no table is touched while the workers keep Redis fresh.

    :raises NotFound: if there is no such schedule in public
    """
    sale = public_sale_of(schedule_id)
    if sale is None:
        raise NotFound
    seats = availability_of(schedule_id)
    state = sale_state(sale, is_sold_out=seats.is_sold_out, now=sale.now())
    line = progress.line_of(schedule_id)
    return Progress(room_state(sale, state, line), line, sale, seats.seats_left)


def room_state(sale: Sale, state: SaleState, line: progress.Line) -> str:
    """The state of the waiting room, where the sale itself stands at `state`."""
    if state != SaleState.OPEN:
        return state
    if sale.drawn_at is None and line.has_lobby:
        return DRAWING
    return PAUSED if sale.queue_paused else state

"""`manage.py make_show`: a show for scripts, rehearsals and tests."""

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reservations.domain.seating import grid
from reservations.domain.shows import Times, clock, make_show

A_DAY = 86_400
LONGEST_NAME = 200
# Option, default, lowest and highest value.
NUMBERS = [
    ("seats", 100, 1, 100_000),
    ("price", 99_000, 1, 10**12),
    ("opens-in", -1, -3650 * A_DAY, 3650 * A_DAY),
    ("closes-in", A_DAY, -3650 * A_DAY, 3650 * A_DAY),
    ("concert-in", 30 * A_DAY, -3650 * A_DAY, 3650 * A_DAY),
    ("max-active", settings.QUEUE_MAX_ACTIVE, 0, 2**31 - 1),
    ("tickets-per-fan", settings.TICKETS_PER_FAN, 1, 2**31 - 1),
]


class Command(BaseCommand):
    help = "Make a concert with one date in a plain hall; prints its ids as one line of JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options; times are in seconds from now."""
        parser.add_argument("--name", default="Rehearsal", help="name of the concert")
        for option, default, _, _ in NUMBERS:
            parser.add_argument(f"--{option}", type=int, default=default, metavar="N", help=f"default {default}")

    def handle(self, *args: object, **options: Any) -> None:  # Any: options of several types
        """Make the show.

        :raises CommandError: outside demo and test, and if an option makes no sense
        """
        if settings.IS_PRODUCTION:
            raise CommandError("make_show is for MODE=demo and MODE=test: it sells seats that nobody plays for.")
        check(options)
        now = clock()
        show = make_show(
            name=options["name"],
            hall=grid(options["seats"], options["price"]),
            times=Times(
                opens_at=now + timedelta(seconds=options["opens_in"]),
                closes_at=now + timedelta(seconds=options["closes_in"]),
                concert_at=now + timedelta(seconds=options["concert_in"]),
            ),
            queue_max_active=options["max_active"],
            tickets_per_fan=options["tickets_per_fan"],
        )
        answer = {"concert": show.concert_id, "schedule": show.schedule_id, "seats": show.seat_ids}
        self.stdout.write(json.dumps(answer))


def check(options: dict[str, Any]) -> None:  # Any: as above
    """Refuse what no show can have.

    :raises CommandError: naming the option
    """
    if not 1 <= len(options["name"]) <= LONGEST_NAME:
        raise CommandError(f"--name must have between 1 and {LONGEST_NAME} characters.")
    for option, _, lowest, highest in NUMBERS:
        if not lowest <= options[option.replace("-", "_")] <= highest:
            raise CommandError(f"--{option} must be between {lowest} and {highest}.")
    if options["opens_in"] >= options["closes_in"]:
        raise CommandError("--closes-in must be later than --opens-in: a sale opens before it closes.")
    if options["closes_in"] > options["concert_in"]:
        raise CommandError("--closes-in must not be later than --concert-in: a sale closes before the concert.")

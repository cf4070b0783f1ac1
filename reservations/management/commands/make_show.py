"""`manage.py make_show`: a show for scripts, load tests and tests."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from concert_site.lib.errors import Invalid
from reservations.domain.concerts import create_concert
from reservations.domain.schedules import ScheduleTimes, database_now
from reservations.domain.venues import add_venue
from reservations.halls.hall import HIGHEST_PRICE, MOST_SEATS, Hall, plain_hall
from reservations.halls.plans import MOST_BYTES, read_plan, too_large
from reservations.models import Venue

A_DAY = 86_400
LONGEST_NAME = 200
SEATS = 100
# Option, default, lowest and highest value.
NUMBERS = [
    ("seats", SEATS, 1, MOST_SEATS),
    ("price", 99_000, 1, HIGHEST_PRICE),
    ("opens-in", -1, -3650 * A_DAY, 3650 * A_DAY),
    ("closes-in", A_DAY, -3650 * A_DAY, 3650 * A_DAY),
    ("concert-in", 30 * A_DAY, -3650 * A_DAY, 3650 * A_DAY),
    ("max-active", settings.QUEUE_MAX_ACTIVE, 0, 2**31 - 1),
    ("tickets-per-fan", settings.TICKETS_PER_FAN, 1, 2**31 - 1),
]


class Command(BaseCommand):
    help = "Make a concert with one date, in a plain hall or that of a plan; prints its ids as one line of JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options; times are in seconds from now."""
        parser.add_argument("--name", default="Rehearsal", help="name of the concert")
        parser.add_argument(
            "--plan",
            type=Path,
            metavar="FILE",
            help="take the seats from a seating plan (pretix's JSON), every category at --price; not with --seats",
        )
        parser.add_argument(
            "--time-zone",
            metavar="ZONE",
            help="play it at a venue with this zone, such as America/New_York; else without a venue, in TIME_ZONE",
        )
        for option, default, _, _ in NUMBERS:
            # Whether --seats was given matters beside --plan.
            preset = None if option == "seats" else default
            parser.add_argument(f"--{option}", type=int, default=preset, metavar="N", help=f"default {default}")

    def handle(self, *args: object, **options: Any) -> None:  # Any: options of several types
        """Make the show.

        :raises CommandError: outside demo and test, and if an option makes no sense
        """
        if settings.IS_PRODUCTION:
            raise CommandError("make_show is for MODE=demo and MODE=test: it sells seats that nobody plays for.")
        check(options)
        now = database_now()
        show = create_concert(
            name=options["name"],
            hall=hall_of(options),
            times=ScheduleTimes(
                opens_at=now + timedelta(seconds=options["opens_in"]),
                closes_at=now + timedelta(seconds=options["closes_in"]),
                concert_at=now + timedelta(seconds=options["concert_in"]),
            ),
            venue=venue_in(options["time_zone"]),
            queue_max_active=options["max_active"],
            tickets_per_fan=options["tickets_per_fan"],
        )
        answer = {"concert": show.concert_id, "schedule": show.schedule_id, "seats": show.seat_ids}
        self.stdout.write(json.dumps(answer))


def venue_in(zone: str | None) -> Venue | None:
    """A venue with this zone, the same for all shows that ask for it; None without one.

    :raises CommandError: if there is no such zone
    """
    if zone is None:
        return None
    name = f"Rehearsal hall, {zone}"
    try:
        return Venue.objects.filter(name=name).first() or add_venue(name=name, time_zone=zone)
    except Invalid as refusal:
        raise CommandError(f"--time-zone {zone}: {refusal}") from refusal


def hall_of(options: dict[str, Any]) -> Hall:  # Any: as above
    """The hall that was asked for.

    :raises CommandError: saying in one line why a plan can't be used
    """
    if options["plan"] is None:
        return plain_hall(options["seats"] or SEATS, options["price"])
    try:
        plan = read_plan(content_of(options["plan"]))
        return plan.hall(dict.fromkeys(plan.categories, options["price"]))
    except Invalid as refusal:
        raise CommandError(f"--plan {options['plan']}: {refusal}") from refusal


def content_of(path: Path) -> bytes:
    """What a file of a bearable size holds.

    :raises CommandError: if it can't be read
    """
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise CommandError(f"--plan {path}: {too_large(path.stat().st_size)}.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise CommandError(f"--plan {path} can't be read: {getattr(error, 'strerror', None) or error}.") from error


def check(options: dict[str, Any]) -> None:  # Any: as above
    """Refuse what no show can have.

    :raises CommandError: naming the option
    """
    if not 1 <= len(options["name"]) <= LONGEST_NAME:
        raise CommandError(f"--name must have between 1 and {LONGEST_NAME} characters.")
    if options["plan"] is not None and options["seats"] is not None:
        raise CommandError("--plan brings its own seats: leave out --seats.")
    for option, _, lowest, highest in NUMBERS:
        given = options[option.replace("-", "_")]
        if given is not None and not lowest <= given <= highest:
            raise CommandError(f"--{option} must be between {lowest} and {highest}.")
    if options["opens_in"] >= options["closes_in"]:
        raise CommandError("--closes-in must be later than --opens-in: a sale opens before it closes.")
    if options["closes_in"] > options["concert_in"]:
        raise CommandError("--closes-in must not be later than --concert-in: a sale closes before the concert.")

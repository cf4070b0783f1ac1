"""`manage.py check_ticket`: what a ticket says, whether it is genuine, and whether it still opens the door."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management.base import BaseCommand, CommandError, CommandParser

from concert_site.lib.errors import Invalid
from concert_site.lib.formats import day_and_time
from payments.queries import is_valid_ticket
from reservations.halls.seat_names import row_name, seat_number, section_name
from reservations.tickets.codes import Claims, read_ticket
from reservations.tickets.keys import public_key_from

NOT_VALID = 2


class Command(BaseCommand):
    help = (
        "Read a ticket's text. Exit code 0: genuine, and valid unless --offline; 1: not genuine; 2: genuine, but its"
        " reservation isn't paid (any more)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", metavar="TEXT", help="what the QR code holds: FR1....")
        parser.add_argument("--key", type=Path, metavar="FILE", help="a public key in PEM; default: this site's")
        parser.add_argument("--offline", action="store_true", help="check the signature alone, ask no database")

    def handle(self, *, text: str, key: Path | None, offline: bool, **options: object) -> None:
        """Say what it is.

        :raises CommandError: if it is not genuine, or not valid
        """
        try:
            claims = read_ticket(text, key_in(key) if key else None)
        except Invalid as error:
            raise CommandError(str(error.detail)) from error
        self.stdout.write(f"Genuine: {in_words(claims)}")
        if offline:
            self.stdout.write("Whether it was refunded since, or shown before, only the site can tell.")
        elif is_valid_ticket(reservation_id=claims.reservation, payment_id=claims.payment):
            self.stdout.write("Valid: the reservation is paid.")
        else:
            raise CommandError("Not valid: its reservation is not paid, or was refunded.", returncode=NOT_VALID)


def key_in(path: Path) -> Ed25519PublicKey:
    """The key in a file.

    :raises CommandError: if there is none
    """
    try:
        return public_key_from(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--key {path} can't be read: {error}") from error
    except Invalid as error:
        raise CommandError(f"--key {path}: {error.detail}") from error


def in_words(claims: Claims) -> str:
    """A ticket in one line."""
    return (
        f"section {section_name(claims.section)}, row {row_name(claims.row)}, seat {seat_number(claims.seat_label)};"
        f" {day_and_time(claims.begins_at)};"
        f" booking {claims.booking_reference}, schedule {claims.schedule},"
        f" reservation {claims.reservation}, payment {claims.payment}"
    )

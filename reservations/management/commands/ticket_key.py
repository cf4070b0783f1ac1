"""`manage.py ticket_key`: the public key that checks tickets."""

from django.core.management.base import BaseCommand

from reservations.tickets.keys import public_pem


class Command(BaseCommand):
    help = "Print the public key that checks tickets, in PEM: for scanners at the door."

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write(public_pem(), ending="")

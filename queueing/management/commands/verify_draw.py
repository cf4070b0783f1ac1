"""`manage.py verify_draw`: recompute a draw from its public list, as anybody can."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from concert_site.lib.errors import Invalid
from queueing.verification import Verified, entry_of, verify

SECONDS = 30
SCHEDULE = re.compile(r".*/schedules/[0-9]+/(?=draw/)")


class Command(BaseCommand):
    help = (
        "Recompute a draw from its public list. Of an address, the hashes that the site published are compared too;"
        " name the hash that you noted before the draw with --seed-hash. Of a file alone only --entries-hash tells"
        " whether its end is missing. Exit code 0: all of it holds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="FILE-OR-URL", help="the list, or .../api/v1/schedules/ID/draw/")
        parser.add_argument("--seed-hash", metavar="HEX", help="what the site promised before the draw")
        parser.add_argument("--entries-hash", metavar="HEX", help="what the site says of the whole list")
        parser.add_argument("--token", type=UUID, metavar="UUID", help="a token to look for in the list")

    def handle(
        self, *, source: str, seed_hash: str | None, entries_hash: str | None, token: UUID | None, **options: object
    ) -> None:
        """Recompute it and say what holds.

        :raises CommandError: if anything doesn't, or the list can't be read
        """
        published = published_at(source) if is_address(source) else {}
        entry = entry_of(token) if token else None
        try:
            with opened(source) as lines:
                verified = verify(lines, entry=entry)
        except Invalid as error:
            raise CommandError(f"This is not what the seed makes of it. {error.detail}") from error
        except (OSError, HTTPException) as error:
            raise CommandError(f"{source} can't be read: {reason_of(error)}") from error
        self.say(verified)
        self.compare("The seed's hash", verified.seed_hash, promised=seed_hash, by="--seed-hash")
        self.compare("The list's hash", verified.entries_hash, promised=entries_hash, by="--entries-hash")
        for name, value in (
            ("seed_hash", verified.seed_hash),
            ("seed", verified.seed),
            ("entries_hash", verified.entries_hash),
            ("size", verified.size),
        ):
            self.compare(name, value, promised=published.get(name), by="queue/")
        if token:
            self.find(verified, token)

    def say(self, verified: Verified) -> None:
        self.stdout.write(f"The order of all {verified.size} entries follows from the seed.")
        self.stdout.write(f"seed {verified.seed}")
        self.stdout.write(f"seed_hash {verified.seed_hash}")
        self.stdout.write(f"entries_hash {verified.entries_hash}")

    def compare(self, name: str, value: object, *, promised: object, by: str) -> None:
        """Hold what was recomputed against what was published, if that is known.

        :raises CommandError: if they differ
        """
        if promised is None:
            return
        if str(promised).lower() != str(value):
            raise CommandError(f"{name} is {value}, but {by} says {promised}.")
        self.stdout.write(f"{name} is what {by} says.")

    def find(self, verified: Verified, token: UUID) -> None:
        """Say which number a token drew.

        :raises CommandError: if it isn't in the list
        """
        if verified.number is None:
            raise CommandError(f"Token {token} is not in the list: it joined after the opening, or not here.")
        self.stdout.write(f"Token {token} drew number {verified.number}.")


@contextmanager
def opened(source: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file or an address."""
    if is_address(source):
        with asked(source) as answer:
            yield answer
    else:
        with Path(source).open("rb") as file:
            yield file


def is_address(source: str) -> bool:
    """Whether it is an address rather than a file."""
    return source.startswith(("http://", "https://"))


def asked(address: str) -> HTTPResponse:
    """The answer of an address, to be closed."""
    try:
        answer: HTTPResponse = urlopen(address, timeout=SECONDS)  # noqa: S310  is_address() knows these schemes alone
    except HTTPError as refusal:
        refusal.close()
        raise
    return answer


def published_at(address: str) -> dict[str, Any]:  # Any: JSON
    """What the line's progress, which stands beside a list, says of its draw; nothing if the list stands elsewhere.

    :raises CommandError: if it can't be read
    """
    schedule = SCHEDULE.match(address)
    if schedule is None:
        return {}
    try:
        with asked(f"{schedule[0]}queue/") as answer:
            draw: dict[str, Any] = json.load(answer)["draw"]
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{schedule[0]}queue/ can't be read: {reason_of(error)}") from error
    return draw


def reason_of(error: Exception) -> str:
    """Why something can't be read, in a few words."""
    if isinstance(error, HTTPError) and error.code == HTTPStatus.NOT_FOUND:
        return "there is no such draw, or it is not over yet (404)"
    return str(error.reason if isinstance(error, URLError) else error)

"""Which lane a request takes, and how long a body its address takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from concert_site.front.handlers import ID, READS
from concert_site.lib.web.prefixes import ACCOUNT_PAGES, ADMIN, ALLAUTH_API, ALLAUTH_APP, API_V1

KIB, MIB = 2**10, 2**20
# JSON and forms. The longest that anybody sends in earnest names a few hundred seats or reservations.
PLAIN_LIMIT = 64 * KIB
# Staff send forms of many rows, seating plans (30 MB) and posters.
STAFF_LIMIT = 40 * MIB

ACCOUNTS = (ACCOUNT_PAGES, ALLAUTH_API)
# What is written there without hashing a password, and often.
WITHOUT_PASSWORD = re.compile(
    rf"{ALLAUTH_APP}(tokens/refresh|auth/session)|{ACCOUNT_PAGES}(logout|language|profile|data/download)/"
)
STREAM = re.compile(rf"{API_V1}schedules/{ID}/draw/")
SLOW_WRITE = re.compile(rf"({API_V1}|/)(reservations|bookings)/[^/]+/(cancel|extend|give-up)/")

MAIN, SLOW, PASSWORDS, STREAMS = "main", "slow", "passwords", "streams"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    lane: str
    limit: int


ON_MAIN = Route(MAIN, PLAIN_LIMIT)
ON_SLOW = Route(SLOW, PLAIN_LIMIT)
ON_STAFFS = Route(SLOW, STAFF_LIMIT)
ON_PASSWORDS = Route(PASSWORDS, PLAIN_LIMIT)
ON_STREAMS = Route(STREAMS, PLAIN_LIMIT)


def route_of(method: str, path: str) -> Route:
    if path.startswith(ADMIN):
        # Logging in there needs no more than anywhere else.
        return ON_PASSWORDS if path.startswith(f"{ADMIN}login/") and method not in READS else ON_STAFFS
    if method in READS:
        return ON_STREAMS if STREAM.fullmatch(path) else ON_MAIN
    if path.startswith(ACCOUNTS):
        return ON_MAIN if WITHOUT_PASSWORD.fullmatch(path) else ON_PASSWORDS
    return ON_SLOW if SLOW_WRITE.fullmatch(path) else ON_MAIN

"""What the waiting room's API gives."""

import random

from rest_framework import serializers

from queueing.domain.progress import Line
from queueing.models import ExpiredReason, Status
from queueing.queries import TokenView

# How often to ask: seconds, from so many people ahead on. Clients spread themselves by up to JITTER.
POLL = [(0, 1), (200, 3), (1000, 5), (5000, 10), (20_000, 20)]
JITTER = 0.2


class TokenOut(serializers.Serializer[TokenView]):
    """A place in line. `position` and the wait are null once the token doesn't wait."""

    token = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    number = serializers.IntegerField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    estimated_wait_seconds = serializers.IntegerField(allow_null=True)
    poll_after_seconds = serializers.FloatField()
    created_at = serializers.DateTimeField()
    entered_at = serializers.DateTimeField(allow_null=True)
    expired_at = serializers.DateTimeField(allow_null=True)
    expired_reason = serializers.ChoiceField(choices=ExpiredReason.choices, allow_null=True)


def token_out(token: TokenView, line: Line) -> dict[str, object]:
    """A token as TokenOut describes it, seen in its line."""
    ahead = max(0, token.number - line.serving - 1) if token.status == Status.WAITING and token.number else None
    return {
        "token": str(token.token),
        "status": token.status,
        "number": token.number,
        "position": None if ahead is None else ahead + 1,
        "estimated_wait_seconds": estimated_wait(ahead, line.numbers_per_minute),
        "poll_after_seconds": poll_after(ahead or 0),
        "created_at": token.created_at,
        "entered_at": token.entered_at,
        "expired_at": token.expired_at,
        "expired_reason": token.expired_reason,
    }


def estimated_wait(ahead: int | None, numbers_per_minute: float | None) -> int | None:
    """Seconds until the turn comes, at the speed that was measured; None while that isn't known."""
    if ahead is None or not numbers_per_minute:
        return None
    return round((ahead + 1) / numbers_per_minute * 60)


def poll_after(ahead: int) -> float:
    """Seconds after which to ask again, with so many people ahead."""
    seconds = next(each for least, each in reversed(POLL) if ahead >= least)
    return round(seconds * random.uniform(1, 1 + JITTER), 1)

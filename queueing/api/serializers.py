"""What the waiting room's API gives."""

from rest_framework import serializers

from queueing.domain.measuring import Line
from queueing.domain.pace import estimated_wait, most_ahead, poll_after, poll_after_in_lobby
from queueing.models import ExpiredReason, Status
from queueing.queries import TokenView


class TokenOut(serializers.Serializer[TokenView]):
    """A place in line. `position` and the wait are null before the draw, and once the token doesn't wait."""

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
    waits = token.status == Status.WAITING
    ahead = most_ahead(token.number, line) if waits and token.number else None
    is_in_lobby = waits and ahead is None
    return {
        "token": str(token.token),
        "status": token.status,
        "number": token.number,
        "position": None if ahead is None else ahead + 1,
        "estimated_wait_seconds": estimated_wait(ahead, line.numbers_per_minute),
        "poll_after_seconds": poll_after_in_lobby(line) if is_in_lobby else poll_after(ahead or 0),
        "created_at": token.created_at,
        "entered_at": token.entered_at,
        "expired_at": token.expired_at,
        "expired_reason": token.expired_reason,
    }

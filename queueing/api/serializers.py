"""What the waiting room's API gives."""

from rest_framework import serializers

from queueing.facts import QueueSnapshot, RoomState, TokenView
from queueing.models import ExpiredReason, TokenStatus
from queueing.pace import (
    POLL,
    ahead_by_minutes,
    estimated_wait,
    most_ahead,
    page_poll_after,
    page_spread,
    poll_after,
    poll_after_in_lobby,
)


class TokenOut(serializers.Serializer[TokenView]):
    """A place in line. `position` and the wait are null before the draw, and once the token doesn't wait."""

    token = serializers.UUIDField()
    status = serializers.ChoiceField(choices=TokenStatus.choices)
    number = serializers.IntegerField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    estimated_wait_seconds = serializers.IntegerField(allow_null=True)
    poll_after_seconds = serializers.FloatField()
    created_at = serializers.DateTimeField()
    entered_at = serializers.DateTimeField(allow_null=True)
    expired_at = serializers.DateTimeField(allow_null=True)
    expired_reason = serializers.ChoiceField(choices=ExpiredReason.choices, allow_null=True)


class DrawOut(serializers.Serializer[object]):
    """The draw of the line's order; all but the seed's hash is null until it is made.

    `entries_hash` and `size` of a large draw follow its seed by seconds.
    """

    seed_hash = serializers.CharField()
    seed = serializers.CharField(allow_null=True)
    entries_hash = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)


class PollOut(serializers.Serializer[object]):
    """From `ahead` people on, ask every `seconds`, spread by up to a fifth."""

    ahead = serializers.IntegerField()
    seconds = serializers.IntegerField()


class HintsOut(serializers.Serializer[object]):
    """What a page of a place reads off, instead of reckoning.

    `minutes`: how many may be ahead at most for a wait of one minute, of two, and so on; empty while no wait can be
    told. `reach`: whose number is as high may find no seat left. `poll_after`: when to look again before the opening.
    `spread`: over how many seconds to spread what everybody asks once the state has become this. `seats_held`: how many
    seats are in checkouts. Where none is free, the first of those comes back in `returns_in` seconds at the soonest.
    """

    minutes = serializers.ListField(child=serializers.IntegerField())
    reach = serializers.IntegerField()
    poll_after = serializers.FloatField(allow_null=True)
    spread = serializers.FloatField()
    seats_held = serializers.IntegerField()
    returns_in = serializers.IntegerField(allow_null=True)


class ProgressOut(serializers.Serializer[object]):
    """How the line moves. A fan is at most `number - serving` from the front."""

    state = serializers.ChoiceField(choices=list(RoomState))
    serving = serializers.IntegerField()
    last_number = serializers.IntegerField()
    waiting = serializers.IntegerField()
    numbers_per_minute = serializers.FloatField(allow_null=True)
    seats_left = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    draw = DrawOut()
    poll = PollOut(many=True)
    hints = HintsOut()


def token_out(token: TokenView, seen: QueueSnapshot) -> dict[str, object]:
    """A token as TokenOut describes it, seen in its line."""
    waits = token.status == TokenStatus.WAITING
    ahead = most_ahead(token.number, seen.line) if waits and token.number else None
    is_in_lobby = waits and ahead is None
    return {
        "token": str(token.token),
        "status": token.status,
        "number": token.number,
        "position": None if ahead is None else ahead + 1,
        "estimated_wait_seconds": estimated_wait(ahead, seen.numbers_per_minute),
        "poll_after_seconds": poll_after_in_lobby(seen) if is_in_lobby else poll_after(ahead or 0),
        "created_at": token.created_at,
        "entered_at": token.entered_at,
        "expired_at": token.expired_at,
        "expired_reason": token.expired_reason,
    }


def progress_out(seen: QueueSnapshot) -> dict[str, object]:
    """The progress as ProgressOut describes it."""
    return {
        "state": seen.state,
        "serving": seen.line.serving,
        "last_number": seen.line.last_number,
        "waiting": seen.line.waiting,
        "numbers_per_minute": seen.numbers_per_minute,
        "seats_left": seen.facts.seats_left,
        "message": seen.facts.message,
        "draw": {
            "seed_hash": seen.facts.seed_hash,
            "seed": seen.facts.seed,
            "entries_hash": seen.draw.entries_hash if seen.draw else None,
            "size": seen.draw.size if seen.draw else None,
        },
        "poll": [{"ahead": ahead, "seconds": seconds} for ahead, seconds in POLL],
        "hints": {
            "minutes": ahead_by_minutes(seen),
            "reach": seen.line.serving + seen.facts.seats_left,
            "poll_after": page_poll_after(seen),
            "spread": page_spread(seen),
            "seats_held": seen.facts.seats_held,
            "returns_in": seen.facts.returns_in,
        },
    }

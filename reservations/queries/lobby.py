"""Who gathers for an opening."""

from queueing.models import Status, WaitingToken


def gathered(schedule_id: int) -> int:
    """How many wait without a number: in the lobby, or while the numbers are being drawn. It counts them all."""
    waiting = WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING)
    return waiting.filter(number__isnull=True).count()


def has_gathered(schedule_id: int) -> bool:
    """Whether anybody does."""
    waiting = WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING)
    return waiting.filter(number__isnull=True).exists()

"""The background work of payments."""

from celery import shared_task

from concert_site.lib.tasks import alone
from payments.domain import mails

# Longer than a run may take, its last mail to a slow server included.
LONGEST_RUN_SECONDS = 120


@shared_task(name="payments.send_mails")
def send_mails() -> None:
    """Send the mails that are owed. One run at a time, so that a slow mail server keeps one thread busy, not all."""
    with alone("payments.send_mails", seconds=LONGEST_RUN_SECONDS) as is_alone:
        if is_alone:
            mails.send_owed()

"""The background work of payments."""

from celery import shared_task

from concert_site.lib import heartbeats
from concert_site.lib.tasks import alone
from payments.domain import mails


@shared_task(name="payments.send_mails")
def send_mails() -> None:
    """Send the mails that are owed. One run at a time, so that a slow mail server keeps one thread busy, not all."""
    # A run may take a minute, so what is noted is that the worker takes up what it is sent.
    heartbeats.note("payments.send_mails")
    with alone("payments.send_mails") as is_alone:
        if is_alone:
            mails.send_owed()

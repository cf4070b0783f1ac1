"""The background work of payments."""

from celery import shared_task

from concert_site.lib import heartbeats
from concert_site.lib.task_runs import single_run
from concert_site.lib.tasks import clear_pending
from payments.domain import mail_sending, refund_work


@shared_task(name="payments.send_mails")
def send_mails() -> None:
    """Send the mails that are owed. One run at a time, so that a slow mail server keeps one thread busy, not all."""
    # A run may take a minute, so what is noted is that the worker takes up what it is sent.
    heartbeats.note(send_mails.name)
    with single_run(send_mails.name) as may_run:
        if may_run:
            mail_sending.send_owed()


@shared_task(name="payments.refund_dates")
def refund_dates() -> None:
    """Go on with refunding dates that were canceled; beat asks every two seconds, and most of the time finds none."""
    clear_pending(refund_dates.name)
    with single_run(refund_dates.name) as may_run:
        if may_run:
            refund_work.process_due()

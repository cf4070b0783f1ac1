"""The background work of approvals."""

from celery import shared_task

from concert_site.approvals import deciding
from concert_site.lib.task_runs import single_run


@shared_task(name="approvals.expire")
def expire() -> None:
    """Note of what nobody decided in time that it is over."""
    with single_run("approvals.expire") as may_run:
        if may_run:
            deciding.expire_overdue()

"""The background work of approvals."""

from concert_site.approvals import deciding
from concert_site.lib.task_runs import single_task


@single_task("approvals.expire")
def expire() -> None:
    """Note of what nobody decided in time that it is over."""
    deciding.expire_overdue()

"""The wallet's background work: asking providers what became of money on its way."""

import logging
from collections.abc import Callable, Iterable

from celery import shared_task

from concert_site.lib import heartbeats
from concert_site.lib.task_runs import limited_runs, single_run, single_task
from concert_site.lib.tasks import clear_pending
from wallet.domain import provider_events, reconciler, settlements
from wallet.queries import providers_with_due_events, providers_with_due_top_ups, providers_with_due_withdrawals

log = logging.getLogger(__name__)

# Of each kind of work. Providers that are slow keep that many of the worker's threads, not all.
MOST_RUNS = 2


@shared_task(name="wallet.handle_events")
def handle_events() -> None:
    """Work on the messages of providers. A webhook asks for it; beat sends it anyway."""
    clear_pending(handle_events.name)
    each_provider(handle_events.name, providers_with_due_events, provider_events.handle_due)


@shared_task(name="wallet.settle_top_ups")
def settle_top_ups() -> None:
    each_provider(settle_top_ups.name, providers_with_due_top_ups, reconciler.settle_due)


@shared_task(name="wallet.settle_withdrawals")
def settle_withdrawals() -> None:
    each_provider(settle_withdrawals.name, providers_with_due_withdrawals, reconciler.settle_due_withdrawals)


@single_task("wallet.settle_days")
def settle_days() -> None:
    """Compare yesterday's book of each provider with the ledger; a difference is an error in the log."""
    settlements.settle_recent_days()


def each_provider(task: str, providers: Callable[[], Iterable[str]], work: Callable[[str], int]) -> None:
    """Have the work of each provider done that has some; one that is still at the last run's is passed over."""
    heartbeats.note(task)
    with limited_runs(MOST_RUNS, task) as may_run:
        for provider in providers() if may_run else ():
            with single_run(f"{task}:{provider}") as is_free:
                if is_free:
                    try:
                        work(provider)
                    except Exception:
                        # The trouble of one provider is not the others'.
                        log.exception("%s: the work of %s waits for the next run", task, provider)

"""Background work that concerns the whole site."""

import logging

from django.db import connection

from concert_site.accounts.sessions import delete_expired
from concert_site.lib.task_runs import single_task
from concert_site.operations import audit, pruning
from reservations.queries.sales import is_a_sale_young

log = logging.getLogger(__name__)

LIVE_TABLES = ("reservation", "payment", "waiting_token")


@single_task("concert_site.tick_analyze")
def tick_analyze() -> None:
    """Keep the statistics of the live tables fresh while a sale is young.

    Plans made while the live partial indexes were empty walk them whole, and a prepared plan stays until the
    next ANALYZE: that is the opening minute of a sale. A table that autovacuum is at work on is left to it: whoever
    waits for its lock makes it give up.
    """
    if is_a_sale_young():
        with connection.cursor() as cursor:
            cursor.execute(f"analyze (skip_locked) {', '.join(LIVE_TABLES)}")


@single_task("concert_site.audit")
def nightly_audit() -> None:
    """Check every invariant over the whole database; a breach is an error in the log."""
    for finding in audit.run():
        log.log(logging.ERROR if finding.breaches else logging.INFO, "Audit: %s", finding)


@single_task("concert_site.clear_sessions")
def clear_sessions() -> None:
    delete_expired()


@single_task("concert_site.prune")
def prune() -> None:
    """Take away what nobody needs any more, by the rules that are on."""
    for each in pruning.prune():
        log.info("Pruned: %s", each)

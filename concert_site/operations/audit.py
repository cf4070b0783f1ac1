"""The audit: the design's invariants, checked over the whole database.

Constraints refuse what one row can get wrong. What spans rows is looked for here: each night by a task,
after a load test, and whenever someone doubts.
"""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from concert_site.lib.audit import Check
from payments import audit as payments
from queueing import audit as queueing
from reservations import audit as reservations
from wallet import audit as wallet

INVARIANTS = {
    1: "A seat has at most one live reservation",
    2: "A seat is held or reserved exactly while one reservation says so",
    3: "A reservation is RESERVED exactly while its payment is COMPLETED",
    4: "A balance equals the sum of its ledger, at every entry",
    5: "A payment stands in the ledger once, and so does its refund",
    6: "An idempotency key exists once per fan and kind of write",
    7: "A fan has one live token and no more tickets than the limit, per schedule",
    8: "Nobody was admitted above the cap",
    9: "Numbers are unique, first come first served",
    10: "A top-up stands in the ledger once, and no charge without one",
    11: "A withdrawal stands in the ledger once, and so does its return",
    12: "What passed the counter stands in the ledger once",
    13: "A seat of a named hold is off sale, and of the hold's schedule",
    14: "A date that was made of a hall has all its seats",
    15: "A canceled date has its refunds, and nothing live once they are over",
}
CHECKS = (*reservations.CHECKS, *payments.CHECKS, *wallet.CHECKS, *queueing.CHECKS)
MOST_SAMPLES = 5

# One snapshot for all checks, so that a sale that runs meanwhile can't make two of them disagree. The web's
# connections are held to one process and little memory each; an audit may take more.
ONE_SNAPSHOT = """
    SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL max_parallel_workers_per_gather = 2;
    SET LOCAL work_mem = '128MB';
"""
COUNTED = """
    SELECT count(*), coalesce(array_agg(breach) FILTER (WHERE nth <= {most}), ARRAY[]::text[])
    FROM (SELECT breach, row_number() OVER () AS nth FROM ({sql}) AS found) AS numbered
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the audit found out about one invariant; `samples` are a few of the breaches, in words."""

    invariant: int
    title: str
    breaches: int
    samples: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        return self.breaches == 0

    def __str__(self) -> str:
        if self.is_ok:
            return f"{self.invariant} ok   {self.title}"
        rows = "1 row" if self.breaches == 1 else f"{self.breaches} rows"
        more = "; ..." if self.breaches > len(self.samples) else ""
        return f"{self.invariant} BREACH  {rows}: {'; '.join(self.samples)}{more}"


def run() -> list[Finding]:
    """Check every invariant; return one finding each, in their order.

    Called inside a transaction, it sees what that transaction sees.
    """
    is_guest = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not is_guest:
            cursor.execute(ONE_SNAPSHOT)
        found = [(check, *breaches_of(check, cursor)) for check in CHECKS]
    return [finding(invariant, found) for invariant in INVARIANTS]


def breaches_of(check: Check, cursor: CursorWrapper) -> tuple[int, list[str]]:
    cursor.execute(COUNTED.format(sql=check.sql, most=MOST_SAMPLES))
    count, samples = cursor.fetchone()
    return count, samples


def finding(invariant: int, found: list[tuple[Check, int, list[str]]]) -> Finding:
    """Put together what the apps' checks of one invariant found."""
    parts = [(count, samples) for check, count, samples in found if check.invariant == invariant]
    return Finding(
        invariant=invariant,
        title=INVARIANTS[invariant],
        breaches=sum(count for count, _ in parts),
        samples=tuple(sample for _, samples in parts for sample in samples)[:MOST_SAMPLES],
    )

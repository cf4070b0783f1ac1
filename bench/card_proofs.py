"""The outside look at a sale by card: fans' journals, the provider's book and the tables, by plain SQL and sums.

Nothing here calls the code that is judged, but for the audit and the page that staff look at.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from card_fans import Journal
from torture_proofs import Proof

Json = dict[str, Any]
CREDITED = ("SUCCEEDED", "PARTLY_REFUNDED", "REFUNDED")
# What is asked for at the last moment is answered a little later.
SLACK_SECONDS = 1.0

TABLES = {
    "balance": "select user_id, amount from balance",
    # What fans had before the sale was charged by another provider.
    "charge": "select h.id, h.user_id, h.amount from balance_history h left join top_up t on t.entry_id = h.id"
    " where h.kind = 'CHARGE' and t.provider is distinct from 'rehearsal'",
    "top_up": "select id, user_id, amount, currency, state, reference, provider_reference, failure, outcome,"
    " reservations, entry_id from top_up where provider = 'stripe'",
    "withdrawal": "select id, user_id, amount, state, reference, idempotency_key from withdrawal",
    "event": "select event_id, state, count(*) over (partition by provider, event_id) as times from provider_event",
    "reservation": "select id, user_id, concert_seat_id as seat, price, status,"
    " extract(epoch from expired_at - created_at)::float8 as held_for, expired_at < now() - interval '30 s' as is_over,"
    " extract(epoch from created_at)::float8 as created_at from reservation",
    "payment": "select id, reservation_id as reservation, user_id, price, state, refund_fee,"
    " extract(epoch from created_at)::float8 as created_at from payment",
    "seat": "select id, status from concert_seat",
}


@dataclass(frozen=True)
class Evidence:
    """All that is compared. `initial`: what each fan had before the sale."""

    journals: Sequence[Journal]
    book: Sequence[Json]
    tables: Mapping[str, Sequence[Json]]
    initial: Mapping[int, int]
    most_hold_seconds: float
    forged: set[str]
    webhooks: Counter[str]
    # The text of staff's page.
    stuck_page: str
    audit: Proof
    troubles: Sequence[str] = field(default=())

    def __getattr__(self, name: str) -> Sequence[Json]:
        return self.tables[name]

    @property
    def orders(self) -> dict[str, Json]:
        """Top-ups by the reference that the provider knows them by."""
        return {each["reference"]: each for each in self.top_up}

    @property
    def refunds(self) -> dict[str, Json]:
        """Withdrawals by reference."""
        return {each["reference"]: each for each in self.withdrawal}


def read_tables(connection: psycopg.Connection[Any]) -> dict[str, list[Json]]:  # Any: rows of any shape
    """All rows of all tables that money goes through, at one moment."""
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute("begin isolation level repeatable read")
        found = {name: cursor.execute(sql).fetchall() for name, sql in TABLES.items()}
        cursor.execute("commit")
    return found


def proofs(seen: Evidence) -> Iterator[Proof]:
    """Each claim, with what contradicts it."""
    net = sums((line["reference"], line["amount"]) for line in seen.book)
    charges = {name: amount for name, amount in net.items() if name not in seen.refunds}
    refunds = {name: amount for name, amount in net.items() if name in seen.refunds}
    yield purse_proof(seen, net)
    yield traced_proof(seen, charges)
    yield once_proof(seen)
    yield sums_proof(seen, charges, refunds)
    yield refunds_proof(seen, refunds)
    yield looked_on_proof(seen)
    yield ticket_proof(seen)
    yield outcome_proof(seen)
    yield canceled_proof(seen)
    yield withdrawn_proof(seen)
    yield bounds_proof(seen)
    yield seats_proof(seen)
    yield webhook_proof(seen)
    yield stuck_proof(seen)
    yield seen.audit
    yield Proof("the fans' own code went well", f"{len(seen.journals)} fans", seen.troubles)


# --- Money -------------------------------------------------------------------------------------


def sums(pairs: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    found: dict[Any, int] = defaultdict(int)
    for key, amount in pairs:
        found[key] += amount
    return dict(found)


def purse_proof(seen: Evidence, net: Mapping[str, int]) -> Proof:
    """Each fan: what they had and brought in, less what went back, is in the wallet, in tickets, or kept as a fee."""
    fans = {row["reference"]: row["user_id"] for row in [*seen.top_up, *seen.withdrawal]}
    brought = sums((fans.get(reference), amount) for reference, amount in net.items())
    wallet = {row["user_id"]: row["amount"] for row in seen.balance}
    spent = sums(
        (row["user_id"], row["price"] if row["state"] == "COMPLETED" else row["refund_fee"]) for row in seen.payment
    )
    under_way = sums((row["user_id"], row["amount"]) for row in seen.withdrawal if row["state"] == "PENDING")
    left_to_staff = sums(
        (row["user_id"], net.get(row["reference"], 0)) for row in seen.top_up if row["entry_id"] is None
    )
    broken = []
    for journal in seen.journals:
        fan = journal.fan
        has = wallet.get(fan, 0) + spent.get(fan, 0) + under_way.get(fan, 0) + left_to_staff.get(fan, 0)
        due = seen.initial[fan] + brought.get(fan, 0)
        # What is under way may have left the provider already.
        if not due <= has <= due + under_way.get(fan, 0) if under_way.get(fan) else has != due:
            broken.append(f"fan {fan} ({journal.habit}): {due} are due, {has} are there")
    total = sum(brought.values())
    return Proof("each fan has the tickets or the money", f"{len(seen.journals)} fans, {total:,} by card", broken)


def traced_proof(seen: Evidence, charges: Mapping[str, int]) -> Proof:
    """What the provider took stands on record: credited as it was taken, or on the page of staff."""
    broken = []
    for reference, amount in charges.items():
        order = seen.orders.get(reference)
        if order is None:
            broken.append(f"{reference or 'nameless'}: {amount} taken, and no row of it")
        elif order["state"] in CREDITED:
            if order["amount"] != amount:
                broken.append(f"top-up {order['id']}: {amount} taken, {order['amount']} credited")
        elif amount and order["failure"] not in seen.stuck_page:
            broken.append(f"top-up {order['id']}: {amount} taken, it is {order['state']}, and staff aren't told")
    broken += [
        f"top-up {row['id']}: {row['amount']} credited, and nothing was taken"
        for row in seen.top_up
        if row["state"] in CREDITED and row["reference"] not in charges
    ]
    return Proof("nothing taken without a trace, nothing credited without one", f"{len(charges):,} charges", broken)


def once_proof(seen: Evidence) -> Proof:
    """A top-up stands in the ledger once, and the ledger has no charge beside."""
    taken = sums((row["user_id"], row["amount"]) for row in seen.top_up if row["state"] in CREDITED)
    booked = sums((row["user_id"], row["amount"]) for row in seen.charge)
    broken = [
        f"fan {fan}: {taken.get(fan, 0)} by top-ups, {booked.get(fan, 0)} in the ledger"
        for fan in taken.keys() | booked.keys()
        if taken.get(fan, 0) != booked.get(fan, 0)
    ]
    lines = Counter(row["entry_id"] for row in seen.top_up if row["entry_id"])
    broken += [f"ledger entry {entry}: of {times} top-ups" for entry, times in lines.items() if times > 1]
    return Proof("nothing credited twice", f"{len(lines):,} credits", broken)


def sums_proof(seen: Evidence, charges: Mapping[str, int], refunds: Mapping[str, int]) -> Proof:
    """The provider's sums are the ledger's."""
    theirs = (sum(charges.values()), sum(refunds.values()))
    left_to_staff = sum(charges.get(row["reference"], 0) for row in seen.top_up if row["entry_id"] is None)
    settled = {row["reference"] for row in seen.withdrawal if row["state"] != "PENDING"}
    ours = (
        sum(row["amount"] for row in seen.charge) + left_to_staff,
        -sum(row["amount"] for row in seen.withdrawal if row["state"] == "SUCCEEDED"),
    )
    theirs = (theirs[0], sum(amount for name, amount in refunds.items() if name in settled))
    words = f"{theirs[0]:,} in, {-theirs[1]:,} back"
    return Proof("the provider's sums are ours", words, [] if theirs == ours else [f"theirs {theirs}, ours {ours}"])


def refunds_proof(seen: Evidence, refunds: Mapping[str, int]) -> Proof:
    """A refund is paid out once and as ordered, or it isn't, and its money is back in the wallet."""
    broken = []
    for row in seen.withdrawal:
        due = {"SUCCEEDED": [-row["amount"]], "FAILED": [0], "PENDING": [0, -row["amount"]]}[row["state"]]
        if refunds.get(row["reference"], 0) not in due:
            broken.append(f"withdrawal {row['id']} is {row['state']}: {refunds.get(row['reference'], 0)} in the book")
    states = Counter(row["state"] for row in seen.withdrawal)
    return Proof("refunds are paid out once, or back in the wallet", in_words(states), broken)


# --- What fans were told -----------------------------------------------------------------------


def looked_on_proof(seen: Evidence) -> Proof:
    """What a fan saw taken stands with us, as theirs."""
    known = {row["provider_reference"]: row for row in seen.top_up}
    broken, count = [], 0
    for journal in seen.journals:
        for intent, amount in journal.taken.items():
            count += 1
            row = known.get(intent)
            if row is None or (row["user_id"], row["amount"]) != (journal.fan, amount):
                broken.append(f"fan {journal.fan} paid {amount} by {intent}: {row}")
            elif row["state"] not in CREDITED and row["failure"] not in seen.stuck_page:
                broken.append(f"fan {journal.fan} paid {amount} by {intent}, and it is {row['state']}")
    return Proof("what fans saw taken is theirs", f"{count:,} payments", broken)


def ticket_proof(seen: Evidence) -> Proof:
    """Who was told that seats are paid has them, unless they gave them back."""
    rows = {row["id"]: row for row in seen.reservation}
    broken, count = [], 0
    for journal in seen.journals:
        for reservation in journal.paid:
            count += 1
            row = rows.get(reservation)
            may_be_canceled = reservation in journal.asked_to_cancel
            if row is None or row["user_id"] != journal.fan or not (row["status"] == "RESERVED" or may_be_canceled):
                broken.append(f"fan {journal.fan} was told that {reservation} is paid: {row}")
    return Proof("who was told of tickets has them", f"{count:,} tickets", broken)


def outcome_proof(seen: Evidence) -> Proof:
    """What a fan was told of a charge last is so, or has become better; PAID has paid all of its seats."""
    rows = {row["id"]: row for row in seen.top_up}
    sold = {row["reservation"] for row in seen.payment}
    broken = []
    for journal in seen.journals:
        for charge in journal.charges.values():
            row = rows[charge["id"]]
            was, became = charge["state"], "SUCCEEDED" if row["state"] in CREDITED else row["state"]
            is_kept = was in ("PENDING", became) or (was in ("FAILED", "EXPIRED") and became != "PENDING")
            if (
                not is_kept
                or charge["amount"] != row["amount"]
                or (charge["outcome"] or row["outcome"]) != row["outcome"]
            ):
                broken.append(f"fan {journal.fan} was told {was} {charge['outcome']} of {row}")
    for row in seen.top_up:
        if row["outcome"] == "PAID" and not set(row["reservations"]) <= sold:
            broken.append(f"{row}: a seat of it was never paid")
        if row["state"] in CREDITED and not row["outcome"]:
            broken.append(f"{row}: credited, and nothing came of it")
    outcomes = Counter(row["outcome"] or row["state"] for row in seen.top_up)
    return Proof("fans were told the truth of their charges", in_words(outcomes), broken)


def canceled_proof(seen: Evidence) -> Proof:
    """What was told of a cancellation is booked so."""
    payments = {row["reservation"]: row for row in seen.payment}
    broken, count = [], 0
    for journal in seen.journals:
        for reservation, said in journal.canceled.items():
            count += 1
            row = payments.get(reservation)
            told = (said["fee"], said["refund"])
            if (
                row is None
                or row["state"] != "CANCELED"
                or told != (row["refund_fee"], row["price"] - row["refund_fee"])
            ):
                broken.append(f"fan {journal.fan} was told {told} of {reservation}: {row}")
    return Proof("cancellations are as they were told", f"{count:,} cancellations", broken)


def withdrawn_proof(seen: Evidence) -> Proof:
    """A withdrawal was made once a key, and of the amount that was asked for."""
    made = sums(((row["user_id"], row["idempotency_key"]), row["amount"]) for row in seen.withdrawal)
    broken = []
    for journal in seen.journals:
        for key, amount in journal.withdrawals.items():
            booked = made.get((journal.fan, key))
            if booked not in ((amount,) if key in journal.withdrawn else (amount, None)):
                broken.append(f"fan {journal.fan} asked for {amount}, and it is {booked}")
    count = sum(len(journal.withdrawn) for journal in seen.journals)
    return Proof("withdrawals are made once", f"{count:,} told", broken)


# --- Seats -------------------------------------------------------------------------------------


def bounds_proof(seen: Evidence) -> Proof:
    """Seats are held no longer than allowed, sold while they are held, and let go of afterwards."""
    most = seen.most_hold_seconds
    rows = {row["id"]: row for row in seen.reservation}
    broken = [f"{row} is held for long" for row in seen.reservation if (row["held_for"] or 0) > most]
    broken += [
        f"{row} is held, though its time is over"
        for row in rows.values()
        if row["is_over"] and row["status"] == "RESERVING"
    ]
    for row in seen.payment:
        waited = row["created_at"] - rows[row["reservation"]]["created_at"]
        if waited > most + SLACK_SECONDS:
            broken.append(f"{row} was paid {waited:.1f} s after the hold")
    longest = max((row["created_at"] - rows[row["reservation"]]["created_at"] for row in seen.payment), default=0)
    words = f"{len(rows):,} holds of {most:.0f} s at most, paid after {longest:.0f} s at most"
    return Proof("holds are prolonged within bounds", words, broken)


def seats_proof(seen: Evidence) -> Proof:
    """No seat is sold twice, and each that is sold is paid."""
    live = Counter(row["seat"] for row in seen.reservation if row["status"] == "RESERVED")
    broken = [f"seat {seat} is sold {times} times" for seat, times in live.items() if times > 1]
    sold = {row["id"] for row in seen.seat if row["status"] == "RESERVED"}
    broken += [f"seat {seat} differs from its reservation" for seat in sold ^ live.keys()]
    paid = {row["reservation"] for row in seen.payment if row["state"] == "COMPLETED"}
    broken += [f"{row} isn't paid" for row in seen.reservation if row["status"] == "RESERVED" and row["id"] not in paid]
    return Proof("no seat is sold twice", f"{len(sold):,} sold", broken)


# --- Messages, and what is stuck ---------------------------------------------------------------


def webhook_proof(seen: Evidence) -> Proof:
    """Forged and stale messages are refused, and what is kept is kept once."""
    kept = {row["event_id"] for row in seen.event}
    broken = [f"{each} is forged, and was kept" for each in kept & seen.forged]
    broken += [f"{row['event_id']} was kept {row['times']} times" for row in seen.event if row["times"] > 1]
    taken = [name for name in seen.webhooks if name.split()[0] in ("forged", "stale") and name.endswith(" 200")]
    broken += [f"{name}: {seen.webhooks[name]}" for name in taken]
    return Proof("lies are refused, and messages kept once", in_words(seen.webhooks), broken)


def stuck_proof(seen: Evidence) -> Proof:
    """Nothing is under way for ever; what can't end by itself is on the page of staff."""
    broken = [
        f"top-up {row['id']} is {row['state']} {row['failure']}"
        for row in seen.top_up
        if (row["state"] in ("CREATED", "PENDING") or row["failure"] in ("amount_differs", "balance_too_large"))
        and row["entry_id"] is None
        and not is_listed(row, seen)
    ]
    broken += [f"withdrawal {row['id']} is under way" for row in seen.withdrawal if row["state"] == "PENDING"]
    broken += [f"message {row['event_id']} waits" for row in seen.event if row["state"] == "RECEIVED"]
    states = Counter(row["state"] for row in seen.event)
    return Proof("nothing is stuck that nobody is told of", f"messages: {in_words(states)}", broken)


def is_listed(row: Json, seen: Evidence) -> bool:
    return f"/{row['id']}/" in seen.stuck_page


def in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))

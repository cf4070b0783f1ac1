"""The audit: clean where all is well, and each check is seen to fail.

Each breach is made through SQL, with whatever guard the database has against it taken out first; the test's
transaction puts it back.
"""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from concert_site.operations import audit
from concert_site.tests.module_transaction import module_transaction
from concert_site.tests.site import Site


@pytest.fixture(scope="module")
def built(django_db_setup, django_db_blocker):
    """A small house with one of everything, built once; each test's transaction lies within this one."""
    with module_transaction(django_db_blocker):
        yield Site()


@pytest.fixture
def site(built, db):
    return built


def broken():
    return [finding.invariant for finding in audit.run() if not finding.is_ok]


def test_a_healthy_site_has_every_invariant_ok(site):
    findings = audit.run()

    assert [finding.invariant for finding in findings] == list(range(1, 16))
    assert [str(finding) for finding in findings if not finding.is_ok] == []


def drop(table, name, *, is_index=False):
    return f"DROP INDEX {name};" if is_index else f"ALTER TABLE {table} DROP CONSTRAINT {name};"


CANCEL_DATE = "UPDATE concert_schedule SET canceled_at = now(), change_reason_en = 'Flood' WHERE id = :schedule;"
COPY_RESERVATION = """
INSERT INTO reservation (booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name,
    concert_date, price, status, expired_at, created_at, updated_state_at)
SELECT booking_reference, concert_id, concert_schedule_id, {seat}, {user}, concert_name,
    concert_date, price, status, expired_at, {created}, updated_state_at FROM reservation WHERE id = {id};
"""
COPY_TOKEN = """
INSERT INTO waiting_token (user_id, concert_schedule_id, token, status, number, created_at, updated_active_at,
    expired_at, expired_reason)
SELECT {user}, concert_schedule_id, gen_random_uuid(), status, {number}, created_at, updated_active_at,
    expired_at, expired_reason FROM waiting_token WHERE id = {id};
"""
COPY_ENTRY = """
INSERT INTO balance_history (balance_id, user_id, kind, amount, amount_after, payment_id, idempotency_key,
    request_hash, note, created_at, updated_at)
SELECT balance_id, user_id, kind, {amount}, {after}, payment_id, idempotency_key,
    request_hash, note, created_at, updated_at FROM balance_history WHERE id = {id};
"""


COPY_TOP_UP = """
INSERT INTO top_up (user_id, amount, currency, purpose, reservations, provider, reference, state, refunded,
    request_hash, created_at, expires_at, updated_state_at)
SELECT user_id, amount, currency, purpose, reservations, provider, 'copy', 'PENDING', 0, '', created_at, expires_at,
    updated_state_at FROM top_up WHERE id = :topup;
"""
# 5,000 taken off the wallet and paid back by the way they came.
WITHDRAW = """
WITH e AS (
    INSERT INTO balance_history (balance_id, user_id, kind, amount, amount_after, note, created_at, updated_at)
    VALUES (:balance, :fan, 'WITHDRAWAL', -5000, 60000, '', now(), now()) RETURNING id)
INSERT INTO withdrawal (top_up_id, user_id, amount, state, reference, entry_id, return_entry_id, created_at,
    updated_state_at)
SELECT :topup, :fan, {amount}, 'SUCCEEDED', 'w', {entry}, {returned}, now(), now() FROM e;
UPDATE balance SET amount = 60000 WHERE id = :balance;
UPDATE top_up SET state = 'PARTLY_REFUNDED', refunded =
    (SELECT coalesce(sum(amount), 0) FROM withdrawal WHERE state <> 'FAILED') WHERE id = :topup
    AND EXISTS (SELECT 1 FROM withdrawal WHERE state <> 'FAILED')
"""


def copy_reservation(row, *, seat="concert_seat_id", user="user_id", created="created_at"):
    return COPY_RESERVATION.format(id=row, seat=seat, user=user, created=created)


def copy_token(row, *, user="user_id", number="number"):
    return COPY_TOKEN.format(id=row, user=user, number=number)


def copy_entry(row, *, amount="amount", after="amount_after"):
    return COPY_ENTRY.format(id=row, amount=amount, after=after)


# A seat that is paid for, with everything that belongs to it: what a fan may have one too many of.
HOLD_SEAT_4 = """
UPDATE concert_seat SET status = 'TEMPORARY', user_id = :fan, expired_at =
    (SELECT expired_at FROM reservation WHERE id = :held) WHERE id = :seat4;
""" + copy_reservation(":held", seat=":seat4", created="created_at + interval '1 minute'")
LOWER_LIMITS = "UPDATE concert_schedule SET {limit}, limits_changed_at = {at} WHERE id = :schedule;"
LATER, EARLIER = "'2027-03-01 03:30Z'", "'2027-03-01 02:00Z'"

BREACHES = {
    "a seat that a date's hall doesn't have": (14, "UPDATE concert_schedule SET hall_version_id = :plan"),
    "two live reservations of one seat": (
        1,
        drop("reservation", "reservation_one_live", is_index=True)
        + copy_reservation(":held")
        + "UPDATE concert_schedule SET tickets_per_fan = 9",
    ),
    "a held seat without a reservation": (2, "DELETE FROM reservation WHERE id = :held"),
    "a hold without its seat": (
        2,
        "UPDATE concert_seat SET status = 'AVAILABLE', user_id = NULL, expired_at = NULL WHERE id = :seat1",
    ),
    "a hold of a seat off sale": (
        2,
        "UPDATE concert_seat SET status = 'UNAVAILABLE', user_id = NULL, expired_at = NULL WHERE id = :seat1",
    ),
    "a reserved seat whose reservation is only held": (
        2,
        "UPDATE concert_seat SET status = 'RESERVED', expired_at = NULL, reserved_at = now() WHERE id = :seat1",
    ),
    "a held seat whose reservation is paid": (
        2,
        "UPDATE concert_seat SET status = 'TEMPORARY', expired_at = now(), reserved_at = NULL WHERE id = :seat2",
    ),
    "a seat held by another fan": (2, "UPDATE concert_seat SET user_id = :other WHERE id = :seat1"),
    "a hold that ends at another time than its seat": (
        2,
        "UPDATE reservation SET expired_at = expired_at + interval '1 s' WHERE id = :held",
    ),
    "a reservation of another schedule than its seat": (
        2,
        "UPDATE concert_seat SET concert_schedule_id = :schedule + 1 WHERE id = :seat1",
    ),
    "a paid reservation without a payment": (
        3,
        (
            "DELETE FROM balance_history WHERE payment_id = :payment; DELETE FROM payment WHERE id = :payment;"
            "UPDATE balance_history SET amount_after = amount_after + 50000 WHERE id > :charge;"
            "UPDATE balance SET amount = amount + 50000 WHERE id = :balance"
        ),
    ),
    "a paid reservation whose payment is canceled": (
        3,
        (
            "UPDATE payment SET state = 'CANCELED', refund_fee = 50000 WHERE id = :payment;"
            "INSERT INTO balance_history (balance_id, user_id, kind, amount, amount_after, payment_id, note,"
            " created_at, updated_at) VALUES (:balance, :fan, 'REFUND', 0, 65000, :payment, '', now(), now())"
        ),
    ),
    "a completed payment of a canceled reservation": (
        3,
        (
            "UPDATE reservation SET status = 'CANCELED' WHERE id = :paid;"
            "UPDATE concert_seat SET status = 'AVAILABLE', user_id = NULL, reserved_at = NULL WHERE id = :seat2"
        ),
    ),
    "a payment of another price than its reservation": (3, "UPDATE reservation SET price = 1 WHERE id = :paid"),
    "a balance that its ledger doesn't explain": (4, "UPDATE balance SET amount = 65001 WHERE id = :balance"),
    "a balance without a ledger": (4, "UPDATE balance SET amount = 1 WHERE user_id = :other"),
    "a ledger entry that says another sum was left": (
        4,
        "UPDATE balance_history SET amount_after = 1 WHERE id = :spent",
    ),
    "a balance below zero, as its ledger says": (
        4,
        drop("balance", "balance_not_below_zero")
        + drop("balance_history", "history_not_below_zero")
        + "INSERT INTO balance_history (balance_id, user_id, kind, amount, amount_after, note, actor_id, created_at,"
        " updated_at) VALUES (:balance, :fan, 'ADJUSTMENT', -65001, -1, 'x', :fan, now(), now());"
        "UPDATE balance SET amount = -1 WHERE id = :balance",
    ),
    "a ledger entry of another fan": (
        4,
        (
            "UPDATE balance_history SET user_id = :other WHERE id = :charge;"
            "UPDATE top_up SET user_id = :other WHERE id = :topup"
        ),
    ),
    "a completed payment that was never booked": (
        5,
        (
            "DELETE FROM balance_history WHERE id = :spent;"
            "UPDATE balance_history SET amount_after = amount_after + 50000 WHERE id > :spent;"
            "UPDATE balance SET amount = amount + 50000 WHERE id = :balance"
        ),
    ),
    "a payment booked twice": (
        5,
        drop("balance_history", "history_payment_once_a_kind", is_index=True)
        + copy_entry(":spent", after="15000")
        + "UPDATE balance SET amount = 15000 WHERE id = :balance",
    ),
    "a payment booked at another sum": (
        5,
        (
            "UPDATE balance_history SET amount = -49999 WHERE id = :spent;"
            "UPDATE balance_history SET amount_after = amount_after + 1 WHERE id >= :spent;"
            "UPDATE balance SET amount = amount + 1 WHERE id = :balance"
        ),
    ),
    "a refund that was never booked": (
        5,
        "DELETE FROM balance_history WHERE id = :refund; UPDATE balance SET amount = 20000 WHERE id = :balance",
    ),
    "a refund without the fee": (
        5,
        (
            "UPDATE balance_history SET amount = 50000, amount_after = 70000 WHERE id = :refund;"
            "UPDATE balance SET amount = 70000 WHERE id = :balance"
        ),
    ),
    "a refund of a payment that stands": (
        5,
        "UPDATE balance_history SET payment_id = :payment WHERE id = :refund",
    ),
    "a booked payment that doesn't exist": (
        5,
        drop("balance_history", "history_payment_once_a_kind", is_index=True)
        + copy_entry(":spent", amount="-1", after="64999")
        + "UPDATE balance_history SET payment_id = 0 WHERE amount = -1;"
        "UPDATE balance SET amount = 64999 WHERE id = :balance",
    ),
    "a payment booked without saying which": (
        5,
        drop("balance_history", "history_payment_of_its_kind")
        + drop("balance_history", "history_payment_once_a_kind", is_index=True)
        + copy_entry(":refund", amount="0", after="65000")
        + "UPDATE balance_history SET payment_id = NULL WHERE amount = 0",
    ),
    "a booking's key twice": (
        6,
        drop("reservation", "reservation_key_once", is_index=True)
        + "UPDATE reservation SET idempotency_key = 'key RESERVED'",
    ),
    "a booking's key without its hash": (
        6,
        drop("reservation", "reservation_key_with_its_request")
        + "UPDATE reservation SET request_hash = NULL WHERE id = :held",
    ),
    "a charge's key twice": (
        6,
        drop("balance_history", "history_key_once_a_kind", is_index=True)
        + copy_entry(":charge", after="185000")
        + COPY_TOP_UP
        + "UPDATE top_up SET state = 'SUCCEEDED', entry_id = (SELECT max(id) FROM balance_history)"
        " WHERE reference = 'copy';"
        "UPDATE balance SET amount = 185000 WHERE id = :balance",
    ),
    "a charge's key without its hash": (
        6,
        drop("balance_history", "history_key_with_its_request")
        + "UPDATE balance_history SET request_hash = NULL WHERE id = :charge",
    ),
    "two live tokens of a fan": (
        7,
        drop("waiting_token", "token_one_live", is_index=True) + copy_token(":token5", number="6"),
    ),
    "more live reservations than the limit": (7, HOLD_SEAT_4),
    "one more booked under a lowered limit": (
        7,
        HOLD_SEAT_4 + LOWER_LIMITS.format(limit="tickets_per_fan = 1", at="'2027-03-01 03:00:30Z'"),
    ),
    "more fans inside than the cap": (8, LOWER_LIMITS.format(limit="queue_max_active = 1", at=EARLIER)),
    "a fan admitted above a lowered cap": (
        8,
        LOWER_LIMITS.format(limit="queue_max_active = 1", at="'2027-03-01 02:58:02.5Z'"),
    ),
    "a number given twice": (
        9,
        drop("waiting_token", "token_number_once") + copy_token(":token5", user=":fan"),
    ),
    "a fan who waits while a later one was admitted": (
        9,
        "UPDATE waiting_token SET number = 2000 + number WHERE id IN (:token2, :token3)",
    ),
    "a fan admitted after a later one": (
        9,
        "UPDATE waiting_token SET updated_active_at = updated_active_at + interval '1 minute' WHERE id = :token2",
    ),
    "a fan who has left, admitted after a later one": (
        9,
        "UPDATE waiting_token SET updated_active_at = updated_active_at + interval '1 minute' WHERE id = :token1",
    ),
    "cash of another sum than in the ledger": (12, "UPDATE till_entry SET amount = 999 WHERE id = :till"),
    "cash that another clerk booked": (12, "UPDATE till_entry SET actor_id = :other WHERE id = :till"),
    "cash that another fan paid": (12, "UPDATE till_entry SET user_id = :fan WHERE id = :till"),
    "cash that explains a top-up": (12, "UPDATE till_entry SET entry_id = :charge WHERE id = :till"),
    "a payment for nothing of what was not": (
        12,
        drop("payment", "payment_price_positive") + "UPDATE payment SET complimentary = true WHERE id = :payment",
    ),
    "a canceled date whose refunds nobody began": (
        15,
        CANCEL_DATE,
    ),
    "refunds of a date that was never canceled": (
        15,
        "UPDATE refund_run SET is_cancellation = true, fee = 0, ended_at = NULL WHERE id = :refundrun",
    ),
    "a ticket of a canceled date that was forgotten": (
        15,
        CANCEL_DATE + "UPDATE refund_run SET is_cancellation = true, fee = 0, ended_at = now() WHERE id = :refundrun",
    ),
    "a seat that is kept and on sale": (
        13,
        "UPDATE named_hold_seat SET outcome = NULL, ended_at = NULL WHERE id = :leftseat",
    ),
    "a seat that is kept twice": (
        13,
        drop("named_hold_seat", "named_hold_seat_once", is_index=True)
        + "UPDATE concert_seat SET status = 'UNAVAILABLE' WHERE id = :seat4;"
        + 2 * "INSERT INTO named_hold_seat (named_hold_id, concert_seat_id) VALUES (:kept, :seat4);",
    ),
    "a charge without a top-up": (10, "DELETE FROM top_up WHERE id = :topup"),
    "a top-up of another sum than its charge": (10, "UPDATE top_up SET amount = 119999 WHERE id = :topup"),
    "a top-up of another fan than its charge": (10, "UPDATE top_up SET user_id = :other WHERE id = :topup"),
    "a top-up that was received and never booked": (
        10,
        drop("top_up", "top_up_entry_once_credited")
        + COPY_TOP_UP
        + "UPDATE top_up SET state = 'SUCCEEDED' WHERE reference = 'copy'",
    ),
    "a top-up that was booked and counts as failed": (
        10,
        drop("top_up", "top_up_entry_once_credited") + "UPDATE top_up SET state = 'FAILED' WHERE id = :topup",
    ),
    "more paid back than was withdrawn": (
        10,
        "UPDATE top_up SET state = 'PARTLY_REFUNDED', refunded = 5 WHERE id = :topup",
    ),
    "money withdrawn to nowhere": (
        11,
        (
            "INSERT INTO balance_history (balance_id, user_id, kind, amount, amount_after, note, created_at,"
            " updated_at) VALUES (:balance, :fan, 'WITHDRAWAL', -5000, 60000, '', now(), now());"
            "UPDATE balance SET amount = 60000 WHERE id = :balance"
        ),
    ),
    "a withdrawal of another sum than was taken off": (11, WITHDRAW.format(amount=5001, entry="e.id", returned="NULL")),
    "a withdrawal that came back and never did": (
        11,
        WITHDRAW.format(amount=5000, entry="e.id", returned=":refund").replace("'SUCCEEDED'", "'FAILED'"),
    ),
    "a drawn number overtaken long after the draw": (
        9,
        (
            "UPDATE concert_schedule SET drawn_at = '2027-03-01 02:57Z' WHERE id = :schedule;"
            "UPDATE waiting_token SET number = 6 WHERE id = :token3"
        ),
    ),
}


@pytest.mark.parametrize(("invariant", "sql"), BREACHES.values(), ids=BREACHES.keys())
def test_a_breach_is_reported_under_its_invariant_and_no_other(site, invariant, sql):
    site.run(sql, unguarded=True)

    assert broken() == [invariant]


NO_BREACHES = {
    "a lowered cap drains": LOWER_LIMITS.format(limit="queue_max_active = 1", at=LATER),
    "a lowered limit drains": LOWER_LIMITS.format(limit="tickets_per_fan = 1", at=LATER),
    "an overtaken number that was only just created": (
        "UPDATE waiting_token SET number = 6 WHERE id = :token3;"
        "UPDATE waiting_token SET created_at = '2027-03-01 02:57:59Z' WHERE id IN (:token4, :token5)"
    ),
    "an overtaken number that was only just drawn": (
        "UPDATE concert_schedule SET drawn_at = '2027-03-01 02:57:59Z' WHERE id = :schedule;"
        "UPDATE waiting_token SET number = 6 WHERE id = :token3"
    ),
    "an overtaken fan who had left the line": ("UPDATE waiting_token SET updated_active_at = NULL WHERE id = :token1"),
    "a token in the lobby has no number": "UPDATE waiting_token SET number = NULL WHERE id IN (:token4, :token5)",
    "the same number in another line": copy_token(":token5", user=":fan").replace(
        "SELECT :fan, concert_schedule_id", "SELECT :fan, concert_schedule_id + 1"
    ),
    "a hold that has lapsed and nobody tidied": (
        "UPDATE reservation SET expired_at = '2020-01-01Z' WHERE id = :held;"
        "UPDATE concert_seat SET expired_at = '2020-01-01Z' WHERE id = :seat1"
    ),
    "a withdrawal that is paid out": WITHDRAW.format(amount=5000, entry="e.id", returned="NULL"),
    "a top-up that failed": COPY_TOP_UP + "UPDATE top_up SET state = 'FAILED' WHERE reference = 'copy'",
    "the same key for a booking and a charge": ("UPDATE reservation SET idempotency_key = 'key' WHERE id = :held"),
    "the same key of two fans": "UPDATE reservation SET user_id = :other, idempotency_key = 'key RESERVED' "
    "WHERE id = :held; UPDATE concert_seat SET user_id = :other WHERE id = :seat1",
}


@pytest.mark.parametrize("sql", NO_BREACHES.values(), ids=NO_BREACHES.keys())
def test_what_only_looks_like_a_breach_is_none(site, sql):
    site.run(sql, unguarded=True)

    assert broken() == []


def test_the_command_prints_a_line_an_invariant(site):
    out = StringIO()

    call_command("audit", stdout=out)

    lines = out.getvalue().splitlines()
    assert len(lines) == 15
    assert lines[0] == "1 ok   A seat has at most one live reservation"


def test_the_command_says_what_is_broken_and_fails(site):
    site.run("UPDATE balance SET amount = 300 WHERE id = :balance")
    out = StringIO()

    with pytest.raises(CommandError, match="invariant 4"):
        call_command("audit", stdout=out)

    line = f"4 BREACH  1 row: balance {site.ids['balance']}: amount 300, ledger says 65000"
    assert out.getvalue().splitlines()[3] == line


def test_at_most_five_rows_are_named_however_many_there_are(site):
    site.run(
        "INSERT INTO balance (user_id, amount, last_updated_at)"
        "SELECT 1000000 + n, 1, now() FROM generate_series(1, 12) n",
        unguarded=True,
    )

    (finding,) = [finding for finding in audit.run() if not finding.is_ok]
    assert finding.breaches == 12
    assert len(finding.samples) == 5
    assert str(finding).startswith("4 BREACH  12 rows: balance ")
    assert str(finding).endswith("; ...")

"""Every trigger is tried by breaking its rule through SQL: states that move along legal steps, rows that stay.

A trigger that TRIGGERS doesn't name fails the test at the end, so a new one comes with its test.
"""

from hashlib import sha256
from itertools import permutations, product

import pytest
from django.db import ProgrammingError, connection

from concert_site.accounts.models import AccessRevocation, AccountSession, User
from concert_site.tests.guarded_rows import (  # noqa: F401 (fixtures)
    ACTIVE,
    CONFIRMED,
    EXPIRED,
    HELD,
    OWNED,
    RECEIVED,
    REFUNDED,
    add,
    built_site,
    refused,
    site_as_built,
)

# The columns that each state demands, so that a step which the trigger lets pass is refused by nothing else.
FREE = {"user_id": "NULL", "expired_at": "NULL", "reserved_at": "NULL"}
STATES = {
    "concert_seat": {
        "AVAILABLE": FREE,
        "TEMPORARY": HELD | {"reserved_at": "NULL"},
        "RESERVED": OWNED | {"expired_at": "NULL"},
        "UNAVAILABLE": FREE,
    },
    "reservation": {
        "RESERVING": {"expired_at": "now()"},
        "RESERVED": {"expired_at": "NULL"},
        "CANCELED": {"expired_at": "NULL"},
    },
    "payment": {"COMPLETED": {"refund_fee": "NULL"}, "CANCELED": {"refund_fee": "0"}},
    "top_up": {
        **{state: {"entry_id": "NULL", "refunded": "0"} for state in ("CREATED", "PENDING", "FAILED", "EXPIRED")},
        "SUCCEEDED": {"entry_id": ":spent", "refunded": "0"},
        "PARTLY_REFUNDED": {"entry_id": ":spent", "refunded": "1"},
        "REFUNDED": {"entry_id": ":spent", "refunded": "amount"},
    },
    "withdrawal": {
        **{state: {"return_entry_id": "NULL"} for state in ("PENDING", "SUCCEEDED")},
        "FAILED": {"return_entry_id": ":spent"},
    },
    "approval": {
        **{state: {"decided_by_id": "NULL", "decided_at": "NULL"} for state in ("PENDING", "EXPIRED")},
        **{state: {"decided_by_id": ":fan", "decided_at": "now()"} for state in ("CONFIRMED", "DECLINED")},
    },
    "provider_event": {state: {} for state in ("RECEIVED", "DONE", "IGNORED", "FAILED")},
    "waiting_token": {
        "WAITING": {"updated_active_at": "NULL", "expired_at": "NULL", "expired_reason": "NULL"},
        "ACTIVE": ACTIVE | {"expired_reason": "NULL"},
        "EXPIRED": EXPIRED,
    },
}
LEGAL = {
    "concert_seat": {
        ("AVAILABLE", "TEMPORARY"),
        ("TEMPORARY", "RESERVED"),
        ("TEMPORARY", "AVAILABLE"),
        ("RESERVED", "AVAILABLE"),
        ("AVAILABLE", "UNAVAILABLE"),
        ("UNAVAILABLE", "AVAILABLE"),
    },
    "reservation": {("RESERVING", "RESERVED"), ("RESERVING", "CANCELED"), ("RESERVED", "CANCELED")},
    "payment": {("COMPLETED", "CANCELED")},
    "top_up": {
        *product(("CREATED", "PENDING"), ("SUCCEEDED", "FAILED", "EXPIRED")),
        *(("CREATED", "PENDING"), ("FAILED", "SUCCEEDED"), ("EXPIRED", "SUCCEEDED"), ("EXPIRED", "FAILED")),
        *permutations(("SUCCEEDED", "PARTLY_REFUNDED", "REFUNDED"), 2),
    },
    "approval": set(product(("PENDING",), ("CONFIRMED", "DECLINED", "EXPIRED"))),
    "withdrawal": {("PENDING", "SUCCEEDED"), ("PENDING", "FAILED"), ("SUCCEEDED", "FAILED")},
    "provider_event": {
        *product(("RECEIVED",), ("DONE", "IGNORED", "FAILED")),
        *product(("DONE", "IGNORED", "FAILED"), ("RECEIVED",)),
    },
    "waiting_token": {("WAITING", "ACTIVE"), ("WAITING", "EXPIRED"), ("ACTIVE", "EXPIRED")},
}
PAIRS = [(table, source, to) for table, states in STATES.items() for source, to in product(states, repeat=2)]


@pytest.mark.parametrize(("table", "source", "to"), PAIRS)
def test_a_state_moves_along_the_legal_steps_alone(site, table, source, to):
    field = "status" if table in ("concert_seat", "reservation", "waiting_token") else "state"
    add(site, table, **STATES[table][source] | {field: f"'{source}'"})
    changes = STATES[table][to] | {field: f"'{to}'"}
    step = (
        f"UPDATE {table} SET {', '.join(f'{name} = {value}' for name, value in changes.items())}"
        f" WHERE id = (SELECT max(id) FROM {table})"
    )

    # A row may stay in its state: a lapsed hold is taken over, a fan enters, a mail is noted.
    if source == to or (source, to) in LEGAL[table]:
        site.run(step)
    else:
        with pytest.raises(ProgrammingError, match=r"[Tt]ransition"):
            site.run(step)


# --- The other triggers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql", ["UPDATE till_entry SET amount = 1 WHERE id = :till", "DELETE FROM till_entry WHERE id = :till"]
)
def test_the_till_is_append_only(site, sql):
    with pytest.raises(ProgrammingError, match="till_entry"):
        site.run(sql)


def test_where_tickets_of_the_till_were_mailed_may_be_forgotten(site):
    site.run("UPDATE till_entry SET mail_to = '' WHERE id = :till")


@pytest.mark.parametrize(
    "sql",
    ["UPDATE balance_history SET note = 'x' WHERE id = :charge", "DELETE FROM balance_history WHERE id = :charge"],
)
def test_the_ledger_is_append_only(site, sql):
    with pytest.raises(ProgrammingError, match="balance_history"):
        site.run(sql)


@pytest.mark.parametrize("table", ["rebooking", "staff_note"])
@pytest.mark.parametrize("step", ["UPDATE {} SET actor_id = actor_id", "DELETE FROM {}"])
def test_what_staff_did_and_wrote_is_append_only(site, table, step):
    with pytest.raises(ProgrammingError, match=table):
        site.run(step.format(table))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE approval SET amount = 1 WHERE id = :asked",
        "UPDATE approval SET payload = '{\"amount\": 1}' WHERE id = :asked",
        "UPDATE approval SET asked_by_id = :fan WHERE id = :asked",
        "DELETE FROM approval WHERE id = :asked",
    ],
)
def test_the_request_of_an_approval_is_never_changed(site, sql):
    with pytest.raises(ProgrammingError, match="approval"):
        site.run(sql)


def test_a_plan_of_the_library_stays_as_it_was(site):
    with pytest.raises(ProgrammingError, match="hall_version"):
        site.run("UPDATE hall_version SET seat_count = 5 WHERE id = :plan")


def seeds():
    with connection.cursor() as cursor:
        cursor.execute("SELECT draw_seed FROM concert_schedule ORDER BY id")
        return [bytes(seed) for (seed,) in cursor.fetchall()]


def test_the_seed_is_born_in_the_database_whatever_the_insert_says(site):
    add(site, "concert_schedule", draw_seed=r"'\x00'")
    add(site, "concert_schedule")

    assert len(set(seeds())) == 3
    assert {len(seed) for seed in seeds()} == {32}


def test_the_seed_stays(site):
    with pytest.raises(ProgrammingError, match="draw of schedule"):
        site.run(r"UPDATE concert_schedule SET draw_seed = '\x00' WHERE id = :schedule")


@pytest.mark.parametrize("change", ["canceled_at = NULL", "concert_at = concert_at + interval '1 day'"])
def test_a_date_that_was_canceled_stays_so(site, change):
    site.run("UPDATE concert_schedule SET canceled_at = now(), change_reason_en = 'Flood' WHERE id = :schedule")
    site.run("UPDATE concert_schedule SET queue_paused = true WHERE id = :schedule")

    with pytest.raises(ProgrammingError, match="was canceled"):
        site.run(f"UPDATE concert_schedule SET {change} WHERE id = :schedule")


def test_a_date_is_canceled_once(site):
    add(site, "refund_run", is_cancellation="true")

    with refused("refund_run_one_cancellation"):
        add(site, "refund_run", is_cancellation="true")


EARLIER = "reservation_available_at = reservation_available_at - interval '1 s'"


@pytest.mark.parametrize("change", [EARLIER, "drawn_at = now() + interval '1 s'", "drawn_at = NULL"])
def test_a_draw_is_history(site, change):
    site.run(f"UPDATE concert_schedule SET {EARLIER} WHERE id = :schedule")
    site.run("UPDATE concert_schedule SET drawn_at = now() WHERE id = :schedule")
    site.run("UPDATE concert_schedule SET deadline_at = deadline_at - interval '1 s' WHERE id = :schedule")

    with pytest.raises(ProgrammingError, match="draw of schedule"):
        site.run(f"UPDATE concert_schedule SET {change} WHERE id = :schedule")


def revoked(site):
    """Whose tokens are over, and of which session, as rows after the site's own."""
    rows = AccessRevocation.objects.filter(pk__gt=site.ids["revocation"]).order_by("pk")
    return list(rows.values_list("user_id", "session_hash"))


@pytest.mark.parametrize("change", ["password = 'x'", "email = 'x@example.com'", "is_active = false"])
def test_a_changed_account_ends_its_access_tokens(site, change):
    site.run("UPDATE users SET name = 'x', last_login = now(), password = password WHERE id = :fan")
    assert revoked(site) == []

    site.run(f"UPDATE users SET {change} WHERE id = :fan")

    assert revoked(site) == [(site.ids["fan"], "")]
    assert AccountSession.objects.filter(user_id=site.ids["fan"]).exists() == (change != "is_active = false")


def test_a_deleted_account_ends_its_sessions_and_access_tokens(site):
    site.run(
        "INSERT INTO users (email, name, password, is_active, is_staff, is_superuser, locale)"
        " VALUES ('gone@example.com', '', '', true, false, false, '')"
    )
    gone = User.objects.get(email="gone@example.com").pk
    site.run(f"UPDATE account_session SET user_id = {gone}")

    site.run(f"DELETE FROM users WHERE id = {gone}")

    assert revoked(site) == [(gone, "")]
    assert not AccountSession.objects.exists()


def test_a_deleted_session_ends_its_access_tokens(site):
    site.run("UPDATE account_session SET has_tokens = true")
    site.run(
        "INSERT INTO account_session (session_key, session_data, expire_date, user_id, has_tokens, seen_at)"
        " SELECT 'of a page', '', expire_date, user_id, false, now() FROM account_session"
    )

    site.run("DELETE FROM account_session")

    assert revoked(site) == [(site.ids["fan"], sha256(b"first").hexdigest())]


TRIGGERS = {
    ("users", "change_ends_tokens"),
    ("users", "deletion_ends_sessions"),
    ("account_session", "session_ends_tokens"),
    ("concert_seat", "legal_status"),
    ("reservation", "legal_status"),
    ("waiting_token", "legal_status"),
    ("payment", "legal_state"),
    ("balance_history", "ledger_is_append_only"),
    ("till_entry", "till_is_append_only"),
    ("till_entry", "till_is_not_deleted"),
    ("rebooking", "rebooking_is_append_only"),
    ("staff_note", "staff_note_is_append_only"),
    ("top_up", "legal_state"),
    ("withdrawal", "legal_state"),
    ("provider_event", "legal_state"),
    ("change", "trace_is_append_only"),
    ("approval", "legal_state"),
    ("approval", "approval_order_stays"),
    ("approval", "approval_is_kept"),
    ("concert_schedule", "seed_is_born_here"),
    ("concert_schedule", "seed_stays"),
    ("concert_schedule", "canceled_stays"),
    ("hall_version", "hall_version_stays"),
}


def test_every_trigger_has_a_test_above(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, regexp_replace(tgname, '^pgtrigger_(.*)_[0-9a-f]+$', '\\1')"
            " FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
            # Those of the trace are compared with their table in concert_site/trace/tests.
            " AND NOT starts_with(tgname, 'trace_')"
        )
        assert set(cursor.fetchall()) == TRIGGERS

"""A site with a row in each table, and a second row beside each: what tests of the database's guards start from."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection

from concert_site.tests.module_transaction import module_transaction
from concert_site.tests.site import Site

OUR_APPS = ("accounts", "house", "trace", "approvals", "wallet", "queueing", "reservations", "payments")
TABLES = [model._meta.db_table for label in OUR_APPS for model in apps.get_app_config(label).get_models()]

# A second row beside one of the site's, that breaks nothing: (row to copy, columns that must differ).
BESIDE = {
    "users": (":fan", {"email": "'second@example.com'"}),
    "account_session": ("'first'", {"session_key": "'second'"}),
    "access_revocation": (":revocation", {}),
    "venue": (":venue", {}),
    "venue_hall": (":hall", {"name": "'Another hall'"}),
    "hall_version": (":plan", {"version": "2"}),
    "house_facts": (":facts", {"language": "'en'"}),
    "house_page": (":page", {"language": "'en'"}),
    "concert": (":concert", {}),
    "concert_schedule": (":schedule", {}),
    "concert_seat": (":seat4", {"seat_number": "99", "seat_guid": "'99'"}),
    "reservation": (":held", {"concert_seat_id": ":seat4", "idempotency_key": "NULL", "request_hash": "NULL"}),
    "payment": (":payment", {"reservation_id": ":held"}),
    "refund_run": (":refundrun", {"ended_at": "now()"}),
    "announcement": (":told", {"key": "gen_random_uuid()"}),
    "announcement_recipient": (":recipient", {"user_id": ":other"}),
    "balance": (":balance", {"user_id": ":queued1"}),
    "balance_history": (":charge", {"idempotency_key": "NULL", "request_hash": "NULL"}),
    "till_entry": (":till", {"entry_id": ":charge", "idempotency_key": "NULL", "request_hash": "NULL"}),
    "named_hold": (":kept", {}),
    "named_hold_seat": (":leftseat", {}),
    "top_up": (
        ":topup",
        {
            "reference": "'new'",
            "provider_reference": "NULL",
            "state": "'PENDING'",
            "entry_id": "NULL",
            "idempotency_key": "NULL",
        },
    ),
    "withdrawal": (":withdrawn", {"reference": "'new'", "entry_id": ":refund"}),
    "provider_event": (":event", {"event_id": "'2'"}),
    "sandbox_payment": (":sandboxed", {"reference": "'new'"}),
    "settlement_day": (":settlement", {"provider": "'toss'"}),
    "change": (":noted", {}),
    "approval": (":asked", {"subject": "'2'"}),
    "ceiling": (":ceiling", {"permission": "'other'"}),
    "known_network": (":known", {"network": "'d'"}),
    "spent_proof": (":spentproof", {"nonce": "'d'"}),
    "rebooking": (":rebooking", {"old_payment_id": ":payment", "new_payment_id": ":canceled"}),
    "staff_note": (":note", {"key": "gen_random_uuid()"}),
    "waiting_token": (":token4", {"user_id": ":other", "number": "99", "token": "gen_random_uuid()"}),
}
# The others have an id.
KEYS = {"account_session": "session_key"}


@pytest.fixture(scope="module", name="built")
def built_site(django_db_setup, django_db_blocker):
    """The house, built once; each test's transaction lies within this one."""
    with module_transaction(django_db_blocker):
        yield Site().withdraw()


@pytest.fixture(name="site")
def site_as_built(built, db):
    return built


def columns_of(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id'"
            " AND is_generated = 'NEVER'",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]


def add(site, table, **changes):
    """Insert a copy of a row, with these columns changed."""
    row, differing = BESIDE[table]
    key = KEYS.get(table, "id")
    values = {f'"{name}"': f'"{name}"' for name in columns_of(table)}
    values |= {f'"{name}"': value for name, value in (differing | changes).items()}
    copy = f"SELECT {', '.join(values.values())} FROM {table} WHERE {key} = {row}"
    site.run(f"INSERT INTO {table} ({', '.join(values)}) {copy}")


def refused(name):
    return pytest.raises(IntegrityError, match=f'"{name}"')


# Columns of a token or seat in a state, and of an entry of a kind.
ACTIVE = {"status": "'ACTIVE'", "updated_active_at": "now()", "expired_at": "now()"}
EXPIRED = {"status": "'EXPIRED'", "expired_at": "now()", "expired_reason": "'LEFT'"}
HELD = {"status": "'TEMPORARY'", "user_id": ":fan", "expired_at": "now()"}
OWNED = {"status": "'RESERVED'", "user_id": ":fan", "reserved_at": "now()"}
PAID = {"status": "'RESERVED'", "expired_at": "NULL"}
CONFIRMED = {"state": "'CONFIRMED'", "decided_by_id": ":fan", "decided_at": "now()"}
REFUNDED = {"state": "'CANCELED'", "refund_fee": "0"}
ADJUSTED = {"kind": "'ADJUSTMENT'", "actor_id": ":other", "note": "'cash'"}
SPENT = {"kind": "'PAYMENT'", "amount": "-1", "payment_id": ":payment"}
# Of a top-up: credited, and for a booking.
RECEIVED = {"state": "'SUCCEEDED'", "entry_id": ":spent"}
BOOKED = {"purpose": "'BOOKING'", "reservations": "ARRAY[1::bigint]"}
# Of the till: nothing was taken; of a named hold, a seat that it still keeps.
GIVEN = {"method": "'COMPLIMENTARY'", "amount": "0", "entry_id": "NULL", "note": "'why'"}
KEPT = {"outcome": "NULL", "ended_at": "NULL"}
KEYED = {"idempotency_key": "'new'", "request_hash": "'hash'"}

# Guard, table, and the columns that break it.

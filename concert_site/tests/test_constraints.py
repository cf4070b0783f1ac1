"""Every CHECK and UNIQUE constraint and foreign key is tried by breaking it through SQL.

A constraint that no row below names fails the test at the end, so a new one comes with its breach.
"""

import pytest
from django.db import DataError, connection, transaction

from concert_site.tests.guarded_rows import (  # noqa: F401 (fixtures)
    ACTIVE,
    ADJUSTED,
    BOOKED,
    CONFIRMED,
    EXPIRED,
    GIVEN,
    HELD,
    KEPT,
    KEYED,
    OWNED,
    PAID,
    RECEIVED,
    REFUNDED,
    SPENT,
    TABLES,
    add,
    built_site,
    refused,
    site_as_built,
)


@pytest.mark.parametrize("table", TABLES)
def test_the_row_that_each_breach_starts_from_is_accepted(site, table):
    add(site, table)


BREACHES = [
    ("known_network_account_network_unique", "known_network", {"network": '"network"'}),
    ("spent_proof_nonce_key", "spent_proof", {"nonce": '"nonce"'}),
    ("users_email_key", "users", {"email": "email"}),
    ("users_email_lower_case", "users", {"email": "'Second@example.com'"}),
    ("concert_status_known", "concert", {"status": "'CANCELED'"}),
    ("concert_has_a_name", "concert", {"name": "''"}),
    ("concert_genre_known", "concert", {"genre": "'NOISE'"}),
    ("concert_running_minutes_bearable", "concert", {"running_minutes": "0"}),
    ("concert_running_minutes_bearable", "concert", {"running_minutes": "1441"}),
    ("concert_running_minutes_check", "concert", {"running_minutes": "-1"}),
    ("concert_age_rating_bearable", "concert", {"age_rating": "22"}),
    ("concert_age_rating_check", "concert", {"age_rating": "-1"}),
    ("house_facts_have_a_name", "house_facts", {"name": "''"}),
    ("house_facts_language_is_a_code", "house_facts", {"language": "'English'"}),
    ("house_facts_language_key", "house_facts", {"language": "language"}),
    ("house_page_kind_known", "house_page", {"kind": "'JOBS'"}),
    ("house_page_language_is_a_code", "house_page", {"language": "''"}),
    ("house_page_is_written", "house_page", {"title": "''"}),
    ("house_page_is_written", "house_page", {"body": "''"}),
    ("house_page_once_a_language", "house_page", {"language": "language"}),
    ("venue_hall_has_a_name", "venue_hall", {"name": "''"}),
    ("venue_hall_name_once", "venue_hall", {"name": "name"}),
    ("hall_version_version_positive", "hall_version", {"version": "0"}),
    ("hall_version_version_check", "hall_version", {"version": "-1"}),
    ("hall_version_version_once", "hall_version", {"version": "version"}),
    ("hall_version_has_seats", "hall_version", {"seat_count": "0"}),
    ("hall_version_seat_count_check", "hall_version", {"seat_count": "-1"}),
    ("venue_has_a_name", "venue", {"name": "''"}),
    ("venue_map_url_is_an_address", "venue", {"map_url": "'javascript:alert(1)'"}),
    ("venue_time_zone_is_known", "venue", {"time_zone": "'EST'"}),
    ("venue_time_zone_is_known", "venue", {"time_zone": "'+09:00'"}),
    ("change_action_known", "change", {"action": "'LOOK'"}),
    ("change_names_a_table", "change", {"table_name": "''"}),
    ("change_count_check", "change", {"count": "-1"}),
    ("approval_state_known", "approval", {"state": "'ASKED'"}),
    ("approval_amount_positive", "approval", {"amount": "0"}),
    ("approval_says_what_and_why", "approval", {"reason": "''"}),
    ("approval_says_what_and_why", "approval", {"kind": "''"}),
    ("approval_expires_later", "approval", {"expires_at": "asked_at"}),
    ("approval_confirmed_by_a_second_person", "approval", CONFIRMED | {"decided_by_id": "asked_by_id"}),
    ("approval_confirmed_by_a_second_person", "approval", {"decided_by_id": ":fan"}),
    ("approval_confirmed_by_a_second_person", "approval", {"state": "'DECLINED'"}),
    ("approval_done_once_confirmed", "approval", {"done_at": "now()"}),
    ("approval_done_once_confirmed", "approval", CONFIRMED | {"done_at": "now()", "failure": "'why'"}),
    ("approval_asked_for_once", "approval", {"subject": "subject"}),
    ("ceiling_not_below_zero", "ceiling", {"amount": "-1"}),
    ("ceiling_once_a_role", "ceiling", {"permission": "permission"}),
    ("schedule_opens_closes_plays", "concert_schedule", {"reservation_available_at": "deadline_at"}),
    ("schedule_opens_closes_plays", "concert_schedule", {"concert_at": "deadline_at - interval '1 s'"}),
    ("schedule_free_refunds_of_somebody", "concert_schedule", {"free_refunds_until": "current_date"}),
    ("schedule_free_refunds_of_somebody", "concert_schedule", {"free_refunds_before": "now()"}),
    ("schedule_canceled_says_why", "concert_schedule", {"canceled_at": "now()"}),
    ("announcement_kind_known", "announcement", {"kind": "'GOSSIP'"}),
    ("announcement_says_something", "announcement", {"body_ko": "''"}),
    ("announcement_moves_only_when_moved", "announcement", {"kind": "'MOVED'", "moved_to": "now()"}),
    ("announcement_moves_only_when_moved", "announcement", {"moved_from": "now()"}),
    ("announcement_moves_only_when_moved", "announcement", {"free_refunds_until": "current_date"}),
    ("announcement_key_key", "announcement", {"key": "key"}),
    ("announcement_once_a_fan", "announcement_recipient", {"user_id": "user_id"}),
    ("announcement_mailed_or_left_out", "announcement_recipient", {"skipped_at": "now()"}),
    ("refund_run_amount_not_negative", "refund_run", {"amount": "-1"}),
    ("refund_run_canceled_costs_nothing", "refund_run", {"is_cancellation": "true", "fee": "1"}),
    ("refund_run_paid_check", "refund_run", {"paid": "-1"}),
    ("refund_run_held_check", "refund_run", {"held": "-1"}),
    ("schedule_tickets_per_fan_positive", "concert_schedule", {"tickets_per_fan": "0"}),
    ("schedule_layout_version_positive", "concert_schedule", {"layout_version": "0"}),
    ("schedule_paused_with_others", "concert_schedule", {"queue_paused": "false", "paused_together_at": "now()"}),
    ("schedule_message_that_ends", "concert_schedule", {"queue_message": "''", "queue_message_until": "now()"}),
    ("concert_schedule_tickets_per_fan_check", "concert_schedule", {"tickets_per_fan": "-1"}),
    ("concert_schedule_layout_version_check", "concert_schedule", {"layout_version": "-1"}),
    ("concert_schedule_queue_max_active_check", "concert_schedule", {"queue_max_active": "-1"}),
    ("seat_status_known", "concert_seat", {"status": "'SOLD'"}),
    ("seat_price_positive", "concert_seat", {"seat_price": "0"}),
    ("seat_temporary_is_held", "concert_seat", HELD | {"user_id": "NULL"}),
    ("seat_temporary_is_held", "concert_seat", HELD | {"expired_at": "NULL"}),
    ("seat_temporary_is_held", "concert_seat", HELD | {"reserved_at": "now()"}),
    ("seat_reserved_is_owned", "concert_seat", OWNED | {"user_id": "NULL"}),
    ("seat_reserved_is_owned", "concert_seat", OWNED | {"expired_at": "now()"}),
    ("seat_reserved_is_owned", "concert_seat", OWNED | {"reserved_at": "NULL"}),
    ("seat_free_has_no_holder", "concert_seat", {"user_id": ":fan"}),
    ("seat_free_has_no_holder", "concert_seat", {"expired_at": "now()"}),
    ("seat_free_has_no_holder", "concert_seat", {"status": "'UNAVAILABLE'", "reserved_at": "now()"}),
    ("seat_place_once", "concert_seat", {"seat_number": "seat_number"}),
    ("seat_guid_once", "concert_seat", {"seat_guid": "seat_guid"}),
    ("concert_seat_row_index_check", "concert_seat", {"row_index": "-1"}),
    ("concert_seat_seat_number_check", "concert_seat", {"seat_number": "-1"}),
    ("reservation_status_known", "reservation", {"status": "'PAID'"}),
    ("reservation_price_positive", "reservation", {"price": "0"}),
    ("reservation_price_positive", "reservation", {"complimentary": "true"}),
    ("reservation_price_positive", "reservation", {"price": "-1", "complimentary": "true"}),
    ("reservation_hold_ends", "reservation", {"expired_at": "NULL"}),
    ("reservation_paid_has_no_end", "reservation", PAID | {"expired_at": "now()"}),
    ("reservation_key_with_its_request", "reservation", {"idempotency_key": "'new'"}),
    ("reservation_key_with_its_request", "reservation", {"request_hash": "'hash'"}),
    ("reservation_one_live", "reservation", {"concert_seat_id": ":seat1"}),
    ("reservation_one_live", "reservation", PAID | {"concert_seat_id": ":seat1"}),
    ("reservation_key_once", "reservation", KEYED | {"idempotency_key": "idempotency_key"}),
    ("payment_state_known", "payment", {"state": "'PENDING'"}),
    ("payment_price_positive", "payment", {"price": "0"}),
    ("payment_price_positive", "payment", {"complimentary": "true"}),
    ("till_kind_known", "till_entry", {"kind": "'LOSS'", "note": "'why'"}),
    ("till_method_known", "till_entry", {"method": "'CHEQUE'"}),
    ("till_amount_of_its_kind", "till_entry", {"amount": "0"}),
    ("till_amount_of_its_kind", "till_entry", {"amount": "-1"}),
    ("till_amount_of_its_kind", "till_entry", {"entry_id": "NULL"}),
    ("till_amount_of_its_kind", "till_entry", {"kind": "'REFUND'", "note": "'why'"}),
    ("till_amount_of_its_kind", "till_entry", GIVEN | {"amount": "1"}),
    ("till_tendered_is_enough", "till_entry", {"tendered": "amount - 1"}),
    ("till_tendered_is_enough", "till_entry", {"tendered": "amount", "method": "'TERMINAL'"}),
    ("till_reference_of_a_terminal", "till_entry", {"terminal_reference": "'T-1'"}),
    ("till_gift_or_refund_says_why", "till_entry", GIVEN | {"note": "''"}),
    ("till_gift_or_refund_says_why", "till_entry", {"kind": "'REFUND'", "amount": "-1"}),
    ("till_key_with_its_request", "till_entry", {"idempotency_key": "'new'"}),
    ("till_key_once", "till_entry", {"idempotency_key": "'key'", "request_hash": "'hash'"}),
    ("till_entry_entry_id_key", "till_entry", {"entry_id": "entry_id"}),
    ("till_entry_seats_check", "till_entry", {"seats": "-1"}),
    ("named_hold_says_for_whom_and_why", "named_hold", {"name": "''"}),
    ("named_hold_says_for_whom_and_why", "named_hold", {"owner": "''"}),
    ("named_hold_says_for_whom_and_why", "named_hold", {"reason": "''"}),
    ("named_hold_ends_later", "named_hold", {"ends_at": "created_at"}),
    ("named_hold_outcome_known", "named_hold_seat", {"outcome": "'LOST'"}),
    ("named_hold_outcome_with_its_time", "named_hold_seat", {"ended_at": "NULL"}),
    ("named_hold_seat_once", "named_hold_seat", KEPT),
    ("payment_fee_only_when_canceled", "payment", {"refund_fee": "0"}),
    ("payment_fee_only_when_canceled", "payment", REFUNDED | {"refund_fee": "-1"}),
    ("payment_fee_only_when_canceled", "payment", REFUNDED | {"refund_fee": "price + 1"}),
    ("payment_cancel_mail_only_when_canceled", "payment", {"canceled_mail_at": "now()"}),
    ("payment_reservation_id_key", "payment", {"reservation_id": "reservation_id"}),
    ("balance_not_below_zero", "balance", {"amount": "-1"}),
    ("balance_user_id_key", "balance", {"user_id": "user_id"}),
    ("history_kind_known", "balance_history", {"kind": "'GIFT'"}),
    ("history_sign_of_its_kind", "balance_history", {"amount": "0"}),
    ("history_sign_of_its_kind", "balance_history", {"amount": "-1"}),
    ("history_sign_of_its_kind", "balance_history", SPENT | {"amount": "0"}),
    ("history_sign_of_its_kind", "balance_history", SPENT | {"amount": "0", "note": "'why'"}),
    ("history_sign_of_its_kind", "balance_history", SPENT | {"amount": "0", "actor_id": ":other"}),
    ("history_sign_of_its_kind", "balance_history", SPENT | {"kind": "'REFUND'"}),
    ("history_sign_of_its_kind", "balance_history", ADJUSTED | {"amount": "0"}),
    ("history_not_below_zero", "balance_history", {"amount_after": "-1"}),
    ("history_payment_of_its_kind", "balance_history", {"payment_id": ":payment"}),
    ("history_payment_of_its_kind", "balance_history", SPENT | {"payment_id": "NULL"}),
    ("history_payment_of_its_kind", "balance_history", ADJUSTED | {"payment_id": ":payment"}),
    ("history_adjustment_says_who_and_why", "balance_history", ADJUSTED | {"actor_id": "NULL"}),
    ("history_adjustment_says_who_and_why", "balance_history", ADJUSTED | {"note": "''"}),
    ("history_key_with_its_request", "balance_history", {"idempotency_key": "'new'"}),
    ("history_key_with_its_request", "balance_history", {"request_hash": "'hash'"}),
    ("history_payment_once_a_kind", "balance_history", SPENT),
    ("history_key_once_a_kind", "balance_history", KEYED | {"idempotency_key": "idempotency_key"}),
    ("top_up_state_known", "top_up", {"state": "'PAID'"}),
    ("top_up_purpose_known", "top_up", {"purpose": "'GIFT'"}),
    ("top_up_amount_positive", "top_up", {"amount": "0"}),
    ("top_up_entry_once_credited", "top_up", {"state": "'SUCCEEDED'"}),
    ("top_up_entry_once_credited", "top_up", {"entry_id": ":spent"}),
    ("top_up_refunded_of_its_state", "top_up", {"refunded": "1"}),
    ("top_up_refunded_of_its_state", "top_up", RECEIVED | {"refunded": "1"}),
    ("top_up_refunded_of_its_state", "top_up", RECEIVED | {"state": "'PARTLY_REFUNDED'", "refunded": "0"}),
    ("top_up_refunded_of_its_state", "top_up", RECEIVED | {"state": "'PARTLY_REFUNDED'", "refunded": "amount"}),
    ("top_up_refunded_of_its_state", "top_up", RECEIVED | {"state": "'REFUNDED'", "refunded": "amount + 1"}),
    ("top_up_reservations_of_a_booking", "top_up", {"purpose": "'BOOKING'"}),
    ("top_up_reservations_of_a_booking", "top_up", {"reservations": "ARRAY[1::bigint]"}),
    ("top_up_reservations_of_a_booking", "top_up", {"outcome": "'PAID'"}),
    ("top_up_outcome_known", "top_up", BOOKED | {"outcome": "'LOST'"}),
    ("top_up_once_a_provider_reference", "top_up", {"provider_reference": "provider_reference"}),
    ("top_up_key_once", "top_up", {"idempotency_key": "'key'"}),
    ("top_up_one_open_a_booking", "top_up", BOOKED | {"request_hash": "'open'"}),
    ("top_up_looks_check", "top_up", {"looks": "-1"}),
    ("top_up_reference_key", "top_up", {"reference": "reference"}),
    ("top_up_entry_id_key", "top_up", RECEIVED | {"entry_id": ":charge"}),
    ("withdrawal_state_known", "withdrawal", {"state": "'PAID'"}),
    ("withdrawal_amount_positive", "withdrawal", {"amount": "0"}),
    ("withdrawal_returned_once_failed", "withdrawal", {"state": "'FAILED'"}),
    ("withdrawal_returned_once_failed", "withdrawal", {"return_entry_id": ":spent"}),
    ("withdrawal_reference_key", "withdrawal", {"reference": "reference"}),
    ("withdrawal_entry_id_key", "withdrawal", {"entry_id": ":wasted"}),
    ("withdrawal_return_entry_id_key", "withdrawal", {"state": "'FAILED'", "return_entry_id": ":charge"}),
    ("withdrawal_looks_check", "withdrawal", {"looks": "-1"}),
    ("withdrawal_mail_once_ended", "withdrawal", {"outcome_mail_at": "now()"}),
    ("withdrawal_once_a_refund", "withdrawal", {"payment_id": ":canceled"}),
    ("provider_event_state_known", "provider_event", {"state": "'LOST'"}),
    ("provider_event_once", "provider_event", {"event_id": "event_id"}),
    ("refund_run_one_at_a_time", "refund_run", {"ended_at": "NULL"}),
    ("refund_run_fee_not_negative", "refund_run", {"fee": "-1"}),
    ("refund_run_refund_to_known", "refund_run", {"refund_to": "'cash'"}),
    ("rebooking_kind_known", "rebooking", {"kind": "'SWAP'"}),
    ("rebooking_says_why", "rebooking", {"note": "''"}),
    ("rebooking_of_two_payments", "rebooking", {"new_payment_id": ":payment"}),
    ("rebooking_old_payment_id_key", "rebooking", {"old_payment_id": ":canceled", "new_payment_id": "0"}),
    ("rebooking_new_payment_id_key", "rebooking", {"old_payment_id": "0", "new_payment_id": ":payment"}),
    ("staff_note_kind_known", "staff_note", {"kind": "'RUMOUR'"}),
    ("staff_note_says_something", "staff_note", {"text": "''"}),
    ("staff_note_about_something", "staff_note", {"user_id": "NULL"}),
    ("staff_note_key_key", "staff_note", {"key": "key"}),
    ("settlement_day_once", "settlement_day", {"provider": "provider"}),
    ("settlement_day_explained_by_somebody", "settlement_day", {"note": "'why'"}),
    ("settlement_day_explained_by_somebody", "settlement_day", {"actor_id": ":fan"}),
    ("settlement_day_provider_lines_check", "settlement_day", {"provider_lines": "-1"}),
    ("settlement_day_ledger_lines_check", "settlement_day", {"ledger_lines": "-1"}),
    ("settlement_day_difference_count_check", "settlement_day", {"difference_count": "-1"}),
    ("provider_event_attempts_check", "provider_event", {"attempts": "-1"}),
    ("sandbox_amount_positive", "sandbox_payment", {"amount": "0"}),
    ("sandbox_one_ending", "sandbox_payment", {"failed_at": "now()"}),
    ("sandbox_refunds_no_more_than_taken", "sandbox_payment", {"refunded": "amount + 1"}),
    ("sandbox_refunds_no_more_than_taken", "sandbox_payment", {"refunded": "-1"}),
    ("sandbox_payment_reference_key", "sandbox_payment", {"reference": "reference"}),
    ("token_status_known", "waiting_token", {"status": "'LOST'"}),
    ("token_reason_known", "waiting_token", EXPIRED | {"expired_reason": "'BORED'"}),
    ("token_number_positive", "waiting_token", {"number": "0"}),
    ("token_waiting_is_outside", "waiting_token", {"entered_at": "now()", "updated_active_at": "now()"}),
    ("token_waiting_is_outside", "waiting_token", {"updated_active_at": "now()"}),
    ("token_waiting_is_outside", "waiting_token", {"expired_at": "now()"}),
    ("token_waiting_is_outside", "waiting_token", {"expired_reason": "'LEFT'"}),
    ("token_active_has_its_time", "waiting_token", ACTIVE | {"number": "NULL"}),
    ("token_active_has_its_time", "waiting_token", ACTIVE | {"updated_active_at": "NULL"}),
    ("token_active_has_its_time", "waiting_token", ACTIVE | {"expired_at": "NULL"}),
    ("token_active_has_its_time", "waiting_token", ACTIVE | {"expired_reason": "'LEFT'"}),
    ("token_expired_says_why", "waiting_token", EXPIRED | {"expired_at": "NULL"}),
    ("token_expired_says_why", "waiting_token", EXPIRED | {"expired_reason": "NULL"}),
    ("token_entered_was_admitted", "waiting_token", EXPIRED | {"entered_at": "now()"}),
    ("token_one_live", "waiting_token", {"user_id": "user_id"}),
    ("token_one_live", "waiting_token", ACTIVE | {"user_id": "user_id"}),
    ("token_number_once", "waiting_token", {"number": "number"}),
    ("waiting_token_token_key", "waiting_token", {"token": "token"}),
]
# Broken by two rows that the site has none of.
OF_TWO_NEW_ROWS = {"refund_run_one_cancellation"}
# A constraint that no row can break without breaking another, whose name comes first in the alphabet.
SHADOWED_BY = {
    "approval_state_known": "approval_confirmed_by_a_second_person",
    "hall_version_seat_count_check": "hall_version_has_seats",
    "concert_running_minutes_check": "concert_running_minutes_bearable",
    "payment_state_known": "payment_fee_only_when_canceled",
    "till_kind_known": "till_amount_of_its_kind",
    "till_method_known": "till_amount_of_its_kind",
}


@pytest.mark.parametrize(("name", "table", "columns"), BREACHES)
def test_the_database_refuses(site, name, table, columns):
    if name in SHADOWED_BY:
        site.run(f"ALTER TABLE {table} DROP CONSTRAINT {SHADOWED_BY[name]}")

    with refused(name):
        add(site, table, **columns)


def test_the_database_refuses_a_canceled_payment_without_a_fee(site):
    with refused("payment_fee_only_when_canceled"):
        add(site, "payment", **REFUNDED | {"refund_fee": "NULL"})


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("concert_seat", HELD),
        ("concert_seat", OWNED),
        ("reservation", PAID),
        ("reservation", KEYED),
        ("reservation", KEYED | {"idempotency_key": "idempotency_key", "user_id": ":other"}),
        ("reservation", {"status": "'CANCELED'", "concert_seat_id": ":seat1"}),
        ("payment", REFUNDED | {"refund_fee": "price", "canceled_mail_at": "now()"}),
        ("payment", {"price": "0", "complimentary": "true"}),
        ("reservation", {"price": "0", "complimentary": "true"}),
        ("till_entry", GIVEN),
        ("till_entry", {"tendered": "amount"}),
        ("till_entry", {"method": "'TERMINAL'", "terminal_reference": "'T-1'"}),
        ("till_entry", {"kind": "'REFUND'", "amount": "-1", "note": "'why'"}),
        ("named_hold", {"ends_at": "created_at + interval '1 s'"}),
        ("named_hold_seat", KEPT | {"concert_seat_id": ":seat3"}),
        ("balance_history", ADJUSTED | {"amount": "-1"}),
        (
            "balance_history",
            {"kind": "'WITHDRAWAL'", "amount": "-1", "idempotency_key": "NULL", "request_hash": "NULL"},
        ),
        ("top_up", RECEIVED),
        ("top_up", RECEIVED | {"state": "'REFUNDED'", "refunded": "amount"}),
        ("top_up", BOOKED | RECEIVED | {"outcome": "'KEPT'"}),
        ("withdrawal", {"state": "'FAILED'", "return_entry_id": ":spent"}),
        ("withdrawal", {"state": "'SUCCEEDED'", "outcome_mail_at": "now()"}),
        ("balance_history", SPENT | {"kind": "'REFUND'", "amount": "0"}),
        ("waiting_token", ACTIVE),
        ("waiting_token", EXPIRED | {"user_id": "user_id"}),
        ("waiting_token", EXPIRED | {"number": "NULL"}),
        ("waiting_token", {"number": "NULL"}),
    ],
)
def test_the_database_lets_pass(site, table, columns):
    add(site, table, **columns)


def test_a_zone_that_only_looks_like_one_is_refused(site):
    with pytest.raises(DataError, match="Asia/Atlantis"):
        add(site, "venue", time_zone="'Asia/Atlantis'")


def test_every_foreign_key_is_enforced(site):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname, attname FROM pg_constraint"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
            " WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])",
            [TABLES],
        )
        keys = cursor.fetchall()
    assert keys
    # Some rows demand others beside their key.
    beside = {"concert_seat.user_id": HELD, "balance_history.payment_id": SPENT, "balance_history.actor_id": ADJUSTED}
    beside |= {"top_up.entry_id": RECEIVED, "withdrawal.return_entry_id": {"state": "'FAILED'"}}
    beside |= {"settlement_day.actor_id": {"note": "'why'"}, "approval.decided_by_id": CONFIRMED}
    for table, name, column in keys:
        with refused(name), transaction.atomic():
            add(site, table, **beside.get(f"{table}.{column}", {}) | {column: "-1"})


def test_every_check_and_unique_constraint_has_a_breach_above(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype IN ('c', 'u', 'x') AND conrelid = ANY(%s::regclass[])"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indisunique AND NOT indisprimary AND indrelid = ANY(%s::regclass[])",
            [TABLES, TABLES],
        )
        guards = {name for (name,) in cursor.fetchall()}

    assert guards == {name for name, _, _ in BREACHES} | OF_TWO_NEW_ROWS

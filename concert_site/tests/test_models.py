"""Every model of ours, walked: states, steps, texts, and the columns that the design promises."""

import re
from itertools import product

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.models import F

from concert_site.lib.states import IllegalMove, steps
from concert_site.tests.site import Site

OUR_APPS = ("accounts", "house", "trace", "approvals", "wallet", "queueing", "reservations", "payments")
MODELS = [model for label in OUR_APPS for model in apps.get_app_config(label).get_models()]
WITH_STATES = [model for model in MODELS if hasattr(model, "TRANSITIONS")]
CHOICES = [(model, field) for model in MODELS for field in model._meta.fields if field.choices]

# The design's tables: what the product promises to have, in its own names.
COLUMNS = {
    "users": "id name email password is_active is_staff locale"
    # Beyond it: what staff look for by name.
    " name_key",
    # Beyond it: what accounts need for sessions that can be ended.
    "account_session": "session_key session_data expire_date user_id has_tokens seen_at",
    "access_revocation": "id user_id session_hash transaction created_at",
    "waiting_token": "id user_id concert_schedule_id token status number created_at entered_at updated_active_at"
    " expired_at expired_reason",
    "venue": "id name address map_url time_zone search_key",
    # Beyond it: the library of halls.
    "venue_hall": "id venue_id name",
    "hall_version": "id hall_id version layout seats categories seat_count source actor_id created_at",
    "house_facts": "id language name representative address phone email registration_number mail_order_number"
    " hosting_provider",
    "house_page": "id kind language title body",
    "concert": "id name host description status poster venue_id genre running_minutes age_rating cast notices organiser"
    " contact seller search_key",
    "concert_schedule": "id concert_id concert_date concert_at reservation_available_at deadline_at queue_max_active"
    " queue_paused queue_message tickets_per_fan limits_changed_at layout layout_version draw_seed drawn_at"
    # Beyond it: which plan of the library its seats were made of.
    " hall_version_id"
    # Beyond it: that it was moved or canceled, and why.
    " first_concert_at change_reason_ko change_reason_en free_refunds_until free_refunds_before canceled_at"
    # And pausing everything at once, and messages that end.
    " paused_together_at queue_message_until",
    "announcement": "id concert_schedule_id kind subject_ko subject_en body_ko body_en moved_from moved_to"
    " free_refunds_until actor_id key created_at",
    "announcement_recipient": "id announcement_id user_id mailed_at skipped_at",
    "concert_seat": "id concert_id concert_schedule_id user_id section row seat_number seat_price status expired_at"
    " reserved_at seat_label seat_guid category row_index x y accessible"
    # Beyond it: which seats adjoin, and how near the stage each is.
    " companion stretch place nearness",
    "reservation": "id booking_reference concert_id concert_schedule_id concert_seat_id user_id concert_name"
    " concert_date price status expired_at extended_at idempotency_key request_hash created_at updated_state_at"
    # Beyond it: what was given for nothing.
    " complimentary",
    "payment": "id reservation_id user_id price state refund_fee confirmed_mail_at canceled_mail_at created_at"
    " updated_state_at complimentary",
    # Beyond it: who refunds a whole date, on which terms.
    "refund_run": "id concert_schedule_id actor_id fee refund_to note created_at last_round_at ended_at"
    # What of it is done in the background.
    " is_cancellation paid amount held refused leased_until",
    # What passed the counter, and seats that are kept for somebody.
    "till_entry": "id sale kind method amount user_id concert_schedule_id booking_reference entry_id actor_id seats"
    " tendered terminal_reference mail_to note idempotency_key request_hash created_at",
    "named_hold": "id concert_schedule_id name owner reason ends_at created_by_id created_at",
    "named_hold_seat": "id named_hold_id concert_seat_id outcome ended_at",
    # Money on its way in and out, what providers told of it, and the book of the one that takes none.
    "top_up": "id user_id amount currency purpose reservations provider reference provider_reference next state failure"
    " method refunded outcome entry_id return_path idempotency_key request_hash created_at expires_at updated_state_at"
    " next_look_at looks receipt_mail_at",
    "withdrawal": "id top_up_id user_id amount state reference provider_reference failure entry_id return_entry_id"
    " payment_id note actor_id idempotency_key request_hash created_at updated_state_at next_look_at looks"
    " outcome_mail_at",
    "provider_event": "id provider event_id kind reference body state error attempts received_at next_attempt_at"
    " handled_at",
    "sandbox_payment": "id reference amount currency succeeds_at failed_at failure refunds refunded is_card_closed"
    " created_at",
    "settlement_day": "id provider day provider_sum ledger_sum provider_lines ledger_lines differences"
    " difference_count checked_at note actor_id",
    "change": "id at actor_id via request reason action table_name objects_changed count fan_id schedule_id changes",
    "approval": "id kind subject payload amount fan_id asked_by_id asked_at reason state decided_by_id decided_at"
    " answer expires_at done_at failure",
    "ceiling": "id group_id permission amount",
    # What staff did and wrote for a fan.
    "rebooking": "id kind old_payment_id new_payment_id note actor_id created_at",
    "staff_note": "id kind booking_reference user_id text actor_id key created_at",
    "known_network": "id account network last_login_at",
    "spent_proof": "id nonce expired_at",
    "balance": "id user_id amount last_updated_at",
    "balance_history": "id balance_id user_id kind amount amount_after payment_id idempotency_key request_hash note"
    " actor_id created_at updated_at",
}
# What Django's accounts add to the user.
OF_DJANGO = {"users": {"last_login", "is_superuser"}}
TYPES = {
    "timestamp with time zone": {"created_at", "expired_at", "concert_at", "updated_state_at", "last_updated_at"},
    "bigint": {"seat_price", "price", "amount", "amount_after", "refund_fee", "number"},
    "date": {"concert_date"},
    "uuid": {"token"},
}


def name_of(value):
    return getattr(value, "__name__", None) or getattr(value, "name", None)


def test_a_model_is_a_table_of_the_design_and_the_other_way_round():
    assert {model._meta.db_table for model in MODELS} == set(COLUMNS)


@pytest.mark.django_db
@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_the_columns_of_the_design(table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        columns = {name for (name,) in cursor.fetchall()}

    assert columns == set(COLUMNS[table].split()) | OF_DJANGO.get(table, set())


@pytest.mark.django_db
@pytest.mark.parametrize("kind", TYPES)
def test_columns_have_the_types_of_the_design(kind):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT data_type FROM information_schema.columns"
            " WHERE table_name = ANY(%s) AND column_name = ANY(%s)",
            [list(COLUMNS), list(TYPES[kind])],
        )
        assert cursor.fetchall() == [(kind,)]


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_foreign_keys_protect_what_they_point_at(model):
    keys = [field for field in model._meta.fields if field.is_relation]

    assert {field.remote_field.on_delete for field in keys} <= {models.PROTECT}


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "field"), CHOICES, ids=name_of)
def test_an_enumerated_column_has_a_constraint_that_knows_its_values(model, field):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
            " WHERE conrelid = %s::regclass AND conname LIKE %s AND attname = %s",
            [model._meta.db_table, "%_known", field.column],
        )
        ((definition,),) = cursor.fetchall()

    assert set(re.findall("'([A-Za-z_]+)'", definition)) == {value for value, _ in field.choices}


@pytest.mark.parametrize("model", WITH_STATES, ids=name_of)
def test_transitions_name_known_states_and_reach_each(model):
    field = model._meta.get_field(model.STATE_FIELD)
    states = {value for value, _ in field.choices}
    named = {state for step in steps(model.TRANSITIONS) for state in step}
    reached = {to for _, to in steps(model.TRANSITIONS)} | {field.default}

    assert named == states
    assert reached == states


def test_every_model_with_moving_states_has_transitions():
    # A concert is published and withdrawn as often as staff like.
    free = {"Concert"}
    stateful = {model for model, field in CHOICES if field.name in {"status", "state"}}

    assert {model.__name__ for model in stateful - set(WITH_STATES)} == free


@pytest.mark.django_db
@pytest.mark.parametrize("model", WITH_STATES, ids=name_of)
def test_move_refuses_illegal_steps_and_changes_nothing(model):
    Site().withdraw()
    legal = set(steps(model.TRANSITIONS))
    states = [value for value, _ in model._meta.get_field(model.STATE_FIELD).choices]
    before = list(model.objects.order_by("pk").values_list(model.STATE_FIELD, flat=True))

    for source, to in product(states, repeat=2):
        if (source, to) not in legal:
            with pytest.raises(IllegalMove, match=f"{source} -> {to}"):
                model.objects.move(source, to)

    assert list(model.objects.order_by("pk").values_list(model.STATE_FIELD, flat=True)) == before


@pytest.mark.django_db
@pytest.mark.parametrize("model", WITH_STATES, ids=name_of)
def test_move_takes_the_rows_in_its_source_alone(model):
    Site().withdraw()
    # The steps of a fan who gives up or is refunded: rows that can be moved without more columns than these.
    source, to, changes = {
        "ConcertSeat": ("TEMPORARY", "AVAILABLE", {"user": None, "expired_at": None}),
        "Reservation": ("RESERVING", "CANCELED", {}),
        "Payment": ("COMPLETED", "CANCELED", {"refund_fee": 0}),
        "WaitingToken": ("ACTIVE", "EXPIRED", {"expired_reason": "LEFT"}),
        "TopUp": ("SUCCEEDED", "REFUNDED", {"refunded": F("amount")}),
        "Withdrawal": ("PENDING", "SUCCEEDED", {}),
        "ProviderEvent": ("RECEIVED", "DONE", {}),
        "Approval": ("PENDING", "EXPIRED", {}),
    }[model.__name__]
    there = model.objects.filter(**{model.STATE_FIELD: source}).count()
    others = model.objects.exclude(**{f"{model.STATE_FIELD}__in": [source, to]}).count()

    assert model.objects.move(source, to, **changes) == there > 0
    assert model.objects.move(source, to, **changes) == 0
    assert model.objects.exclude(**{f"{model.STATE_FIELD}__in": [source, to]}).count() == others


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_row_says_what_it_is(model):
    Site().withdraw()
    row = model.objects.order_by("pk").first()

    assert type(row).__str__ is not models.Model.__str__
    assert str(row).strip()
    assert "object (" not in str(row)

"""What is traced: each table that staff write, and what of it is told elsewhere.

The ledger, payments and money on its way aren't here: their rows say who and why themselves, and are only added to.
"""

from concert_site.trace.triggers import AnyTraced, JoinTable, Traced, TracedInBulk

OF_USERS = ("email", "name", "is_active", "is_staff", "is_superuser", "locale")

TRACED: tuple[AnyTraced, ...] = (
    # Whoever changes them, a fan as well: what did this address read before?
    Traced(
        "users",
        is_insert_of_staff=True,
        ignored=("last_login", "name_key", "search_key"),
        secret=("password",),
        watched=OF_USERS,
        fan="id",
    ),
    JoinTable("users_groups", of="users", key="user_id", field="groups", value="group_id", is_about_fan=True),
    JoinTable(
        "users_user_permissions",
        of="users",
        key="user_id",
        field="user_permissions",
        value="permission_id",
        is_about_fan=True,
    ),
    Traced("auth_group"),
    JoinTable("auth_group_permissions", of="auth_group", key="group_id", field="permissions", value="permission_id"),
    Traced("ceiling"),
    Traced("approval", fan="fan_id"),
    Traced("venue", ignored=("search_key",)),
    Traced("venue_hall"),
    Traced("concert", ignored=("search_key",)),
    # The seed of a draw is nobody's to read before it, and the drawing of a hall is 200 kB: its version is told.
    Traced("concert_schedule", ignored=("draw_seed", "layout", "limits_changed_at"), schedule="id"),
    TracedInBulk(
        "concert_seat",
        columns=("section", "row", "seat_label", "category", "seat_price", "accessible", "companion", "status"),
        added=("category", "seat_price"),
        schedule="concert_schedule_id",
        # Held, paid and refunded is told by reservations and the ledger.
        stated="status",
        states=("AVAILABLE", "UNAVAILABLE"),
    ),
    # A refund stands in the ledger, with who and why.
    Traced(
        "reservation",
        is_of_staff=True,
        ignored=("updated_state_at", "idempotency_key", "request_hash", "search_key"),
        unless="OLD.status = 'RESERVED' AND NEW.status = 'CANCELED'",
        fan="user_id",
        schedule="concert_schedule_id",
    ),
    Traced("refund_run", ignored=("last_round_at",), schedule="concert_schedule_id"),
    Traced("named_hold", schedule="concert_schedule_id"),
    Traced("settlement_day", is_of_staff=True, ignored=("differences", "checked_at")),
    Traced("house_facts"),
    Traced("house_page"),
    # Beat writes its own notes there every second.
    Traced(
        "django_celery_beat_periodictask",
        is_of_staff=True,
        ignored=("last_run_at", "total_run_count", "date_changed"),
    ),
    Traced("django_celery_beat_intervalschedule", is_of_staff=True),
    Traced("django_celery_beat_crontabschedule", is_of_staff=True),
    Traced("django_celery_beat_solarschedule", is_of_staff=True),
    Traced("django_celery_beat_clockedschedule", is_of_staff=True),
)

from django.apps import AppConfig, apps
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

# Makes shared_task and current_app mean this application wherever Django is set up.
from concert_site.celery import app as celery_app

__all__ = ["ConcertSiteConfig", "celery_app"]


class ConcertSiteConfig(AppConfig):
    name = "concert_site"

    def ready(self) -> None:
        """Have every migrate end with SQL functions and periodic tasks as written; set up every connection."""
        from concert_site.lib.database.pooler import apply_settings_at_start, store_settings_after_migrate
        from concert_site.lib.database.sql_install import install_after_migrate
        from concert_site.operations import folder_checks  # noqa: F401  it registers itself

        # Django says it for each app that has models; once is enough.
        post_migrate.connect(install_after_migrate, sender=apps.get_app_config("payments"))
        post_migrate.connect(store_settings_after_migrate, sender=apps.get_app_config("payments"))
        connection_created.connect(apply_settings_at_start)
        # Django makes the permissions of each app when it says it for that app, so this comes with the last one.
        post_migrate.connect(make_roles_and_triggers, sender=list(apps.get_app_configs())[-1])
        post_migrate.connect(restore_periodic_tasks, sender=apps.get_app_config("payments"))


def make_roles_and_triggers(*, using: str, **signal: object) -> None:
    """Have the groups of the roles, and the triggers of the trace, as they are declared."""
    from concert_site.back_office.roles import make_after_migrate
    from concert_site.lib.database.sql_install import is_migrated
    from concert_site.operations.traced_tables import TRACED
    from concert_site.trace import triggers

    # The triggers call functions that are there once everything is migrated.
    if is_migrated(connections[using]):
        triggers.install(connections[using], TRACED)
    make_after_migrate(using=using)


def restore_periodic_tasks(**signal: object) -> None:
    """Have beat's rows as they are declared, unless they have no table yet."""
    from concert_site.operations import periodic_tasks

    # `migrate` of one app, or back to an earlier state, may leave beat without a part of its own.
    if has_beats_tables():
        periodic_tasks.restore()


def has_beats_tables() -> bool:
    """Whether django-celery-beat has all of its columns."""
    from django_celery_beat.models import PeriodicTask

    options = PeriodicTask._meta  # noqa: SLF001  what a model says of itself
    tables = set(connection.introspection.table_names())
    if not {options.db_table, "django_celery_beat_periodictasks"} <= tables:
        return False
    with connection.cursor() as cursor:
        there = connection.introspection.get_table_description(cursor, options.db_table)
    return {field.column for field in options.local_fields} <= {column.name for column in there}

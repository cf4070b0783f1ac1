from django.apps import AppConfig, apps
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

# Makes shared_task and current_app mean this application wherever Django is set up.
from concert_site.celery import app as celery_app

__all__ = ["ConcertSiteConfig", "celery_app"]


class ConcertSiteConfig(AppConfig):
    name = "concert_site"

    def ready(self) -> None:
        """Have every migrate end with the SQL functions as they are written, and connections be as they should."""
        from concert_site.lib.pooler import have_at_start, keep_after_migrate
        from concert_site.lib.sql_install import install_after_migrate

        # Django says it for each app that has models; once is enough.
        post_migrate.connect(install_after_migrate, sender=apps.get_app_config("payments"))
        post_migrate.connect(keep_after_migrate, sender=apps.get_app_config("payments"))
        connection_created.connect(have_at_start)

from django.apps import AppConfig

# Makes shared_task and current_app mean this application wherever Django is set up.
from concert_site.celery import app as celery_app

__all__ = ["ConcertSiteConfig", "celery_app"]


class ConcertSiteConfig(AppConfig):
    name = "concert_site"

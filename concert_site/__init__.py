"""The site: settings, URLs, processes, and what concerns every app."""

from concert_site.celery import app as celery_app

__all__ = ["celery_app"]

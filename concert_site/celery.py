"""The Celery application: worker and beat start from here."""

import os

from celery import Celery
from celery.signals import task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")

app = Celery("frontrow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def drop_dead_connection(**signal: object) -> None:
    """Begin each task on a connection that the server has not closed meanwhile."""
    # Django is not set up yet when Celery reads this module.
    from concert_site.lib.database import connections

    connections.drop_dead_connection()

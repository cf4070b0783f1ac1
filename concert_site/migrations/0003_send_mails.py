"""Mails of payments and refunds are sent every few seconds."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

EVERY_SECONDS = 5


def seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    every, _ = interval.objects.get_or_create(every=EVERY_SECONDS, period="seconds")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name="payments.send_mails",
        # Not in the queue of ticks: a slow mail server must not keep the line waiting.
        defaults={
            "task": "payments.send_mails",
            "interval": every,
            "queue": "celery",
            "expire_seconds": EVERY_SECONDS,
            "description": "Send the mails of payments and refunds",
        },
    )


class Migration(migrations.Migration):
    dependencies = [("concert_site", "0002_clear_posters")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

"""Dates that were canceled are refunded, and requests that nobody decided come to an end."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    periodic = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=2, period="seconds")
    values = {"interval": every, "queue": "celery", "description": "Refund dates that were canceled"}
    periodic.objects.get_or_create(name="payments.refund_dates", defaults={"task": "payments.refund_dates", **values})
    at, _ = crontab.objects.get_or_create(hour="4", minute="30", timezone=settings.TIME_ZONE)
    description = "End requests for a second person’s confirmation that nobody decided in time"
    values = {"task": "approvals.expire", "crontab": at, "description": description}
    periodic.objects.get_or_create(name="approvals.expire", defaults=values)


class Migration(migrations.Migration):
    dependencies = [("concert_site", "0004_tasks_of_money")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

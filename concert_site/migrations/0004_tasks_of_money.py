"""Messages of providers, money under way, and the books of days are looked after."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# task, seconds between two runs, what it does
OFTEN = [
    ("wallet.handle_events", 2, "Work on the messages of providers"),
    ("wallet.settle_top_ups", 5, "Ask providers what became of money that is under way to wallets"),
    ("wallet.settle_withdrawals", 5, "Ask providers what became of money that is under way to cards"),
]
NIGHTLY = ("wallet.settle_days", "5", "20", "Compare yesterday’s books of the providers with the ledger")


def seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    periodic = apps.get_model("django_celery_beat", "PeriodicTask")
    for task, seconds, description in OFTEN:
        every, _ = interval.objects.get_or_create(every=seconds, period="seconds")
        values = {"task": task, "interval": every, "queue": "celery", "description": description}
        periodic.objects.get_or_create(name=task, defaults=values)
    task, hour, minute, description = NIGHTLY
    at, _ = crontab.objects.get_or_create(hour=hour, minute=minute, timezone=settings.TIME_ZONE)
    periodic.objects.get_or_create(name=task, defaults={"task": task, "crontab": at, "description": description})


class Migration(migrations.Migration):
    dependencies = [("concert_site", "0003_send_mails")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

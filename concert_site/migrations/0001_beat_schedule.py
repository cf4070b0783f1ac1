"""The schedule of the background work, seeded once: from then on it is the staff's, in the admin."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# task, seconds between two runs, what it does
TICKS = [
    ("reservations.tick_admission", 1, "Let fans in, and end lines whose sale is over"),
    ("reservations.tick_release", 1, "Return lapsed holds to sale"),
    ("concert_site.tick_analyze", 5, "Keep the statistics of a young sale fresh"),
]
# task, hour and minute in the venue's zone, what it does
NIGHTLY = [
    ("concert_site.audit", "4", "10", "Check every invariant over the whole database"),
    ("concert_site.clear_sessions", "4", "40", "Delete the sessions that are over"),
]


def seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    periodic = apps.get_model("django_celery_beat", "PeriodicTask")
    for task, seconds, description in TICKS:
        every, _ = interval.objects.get_or_create(every=seconds, period="seconds")
        periodic.objects.get_or_create(
            name=task,
            # A tick that nobody took up within its second is overdue: the next one does its work.
            defaults={
                "task": task,
                "interval": every,
                "queue": "ticks",
                "expire_seconds": seconds,
                "description": description,
            },
        )
    for task, hour, minute, description in NIGHTLY:
        at, _ = crontab.objects.get_or_create(hour=hour, minute=minute, timezone=settings.TIME_ZONE)
        periodic.objects.get_or_create(name=task, defaults={"task": task, "crontab": at, "description": description})


class Migration(migrations.Migration):
    dependencies = [("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

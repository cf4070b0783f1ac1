"""Each night the files of posters go that no concert shows any more."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TASK = "reservations.clear_posters"


def seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    at, _ = crontab.objects.get_or_create(hour="4", minute="50", timezone=settings.TIME_ZONE)
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=TASK,
        defaults={"task": TASK, "crontab": at, "description": "Delete posters that no concert shows any more"},
    )


class Migration(migrations.Migration):
    dependencies = [("concert_site", "0001_beat_schedule")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

"""What nobody needs any more is taken away each night, by rules that a house switches on."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    periodic = apps.get_model("django_celery_beat", "PeriodicTask")
    at, _ = crontab.objects.get_or_create(hour="5", minute="0", timezone=settings.TIME_ZONE)
    values = {"task": "concert_site.prune", "crontab": at, "description": "Take away what nobody needs any more"}
    periodic.objects.get_or_create(name="concert_site.prune", defaults=values)


class Migration(migrations.Migration):
    dependencies = [("concert_site", "0005_tasks_of_the_box_office")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

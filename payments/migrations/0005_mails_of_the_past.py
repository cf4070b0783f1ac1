"""Payments that are older than the mails count as mailed: nobody wants to hear of last year's concert now."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F


def count_as_mailed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    payment = apps.get_model("payments", "Payment")
    payment.objects.filter(confirmed_mail_at=None).update(confirmed_mail_at=F("created_at"))
    canceled = payment.objects.filter(state="CANCELED", canceled_mail_at=None)
    canceled.update(canceled_mail_at=F("updated_state_at"))


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_permissions")]

    operations = [migrations.RunPython(count_as_mailed, migrations.RunPython.noop)]

"""Who is logged in stays so: sessions move from Django's table into the one that knows whose they are."""

from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.functions import Now

BATCH = 2_000


def carry_over(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """The data is copied as it is: it stays signed by the same key."""
    old, new = apps.get_model("sessions", "Session"), apps.get_model("accounts", "AccountSession")
    store, rows = SessionStore(), []
    for session in old.objects.filter(expire_date__gt=Now()).iterator(BATCH):
        data = store.decode(session.session_data)
        owner = str(data.get("_auth_user_id", ""))
        row = new(
            session_key=session.session_key,
            session_data=session.session_data,
            expire_date=session.expire_date,
            user_id=int(owner) if owner.isdecimal() else None,
            has_tokens="headless_refresh_tokens" in data,
        )
        rows.append(row)
        if len(rows) == BATCH:
            new.objects.bulk_create(rows, ignore_conflicts=True)
            rows = []
    new.objects.bulk_create(rows, ignore_conflicts=True)
    # What is left there would open accounts again for whoever runs an older release.
    old.objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_sessions"), ("sessions", "0001_initial")]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]

"""Which seats adjoin, and how near the stage each is, as columns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reservations", "0007_rules_of_facts")]

    operations = [
        migrations.AddField(
            "concertseat",
            "companion",
            models.BooleanField(db_default=False, default=False, verbose_name="companion's seat"),
        ),
        migrations.AddField("concertseat", "stretch", models.IntegerField(db_default=0, default=0, editable=False)),
        migrations.AddField("concertseat", "place", models.IntegerField(db_default=0, default=0, editable=False)),
        migrations.AddField("concertseat", "nearness", models.IntegerField(db_default=0, default=0, editable=False)),
    ]

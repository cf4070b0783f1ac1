"""Halls as a library, and which version the seats of a date were made of."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reservations', '0015_paused_together'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HallVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('layout', models.JSONField(verbose_name='layout')),
                ('seats', models.JSONField(verbose_name='seats')),
                ('categories', models.JSONField(verbose_name='categories')),
                ('seat_count', models.PositiveIntegerField(verbose_name='number of seats')),
                ('source', models.CharField(blank=True, db_default='', max_length=200, verbose_name='file')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='made at')),
                ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name='made by')),
            ],
            options={
                'verbose_name': 'plan of a hall',
                'verbose_name_plural': 'plans of halls',
                'db_table': 'hall_version',
            },
        ),
        migrations.AddField(
            model_name='concertschedule',
            name='hall_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='reservations.hallversion', verbose_name='plan of a hall'),
        ),
        migrations.CreateModel(
            name='VenueHall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='halls', to='reservations.venue', verbose_name='venue')),
            ],
            options={
                'verbose_name': 'hall',
                'verbose_name_plural': 'halls',
                'db_table': 'venue_hall',
            },
        ),
        migrations.AddField(
            model_name='hallversion',
            name='hall',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plans', to='reservations.venuehall', verbose_name='hall'),
        ),
        migrations.AddConstraint(
            model_name='venuehall',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='venue_hall_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='venuehall',
            constraint=models.UniqueConstraint(fields=('venue', 'name'), name='venue_hall_name_once'),
        ),
        migrations.AddConstraint(
            model_name='hallversion',
            constraint=models.CheckConstraint(condition=models.Q(('version__gt', 0)), name='hall_version_version_positive'),
        ),
        migrations.AddConstraint(
            model_name='hallversion',
            constraint=models.CheckConstraint(condition=models.Q(('seat_count__gt', 0)), name='hall_version_has_seats'),
        ),
        migrations.AddConstraint(
            model_name='hallversion',
            constraint=models.UniqueConstraint(fields=('hall', 'version'), name='hall_version_version_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hallversion',
            trigger=pgtrigger.compiler.Trigger(name='hall_version_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='83e4fe3eba5097ef845c3ec3949603c874535c0e', operation='UPDATE', pgid='pgtrigger_hall_version_stays_a65fa', table='hall_version', when='BEFORE')),
        ),
    ]

"""Venues, and what a concert says of itself. A concert from before has neither: its clocks stay the house's."""

import django.db.models.deletion
import reservations.models.venue
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reservations', '0005_opened_sales_are_drawn'),
    ]

    operations = [
        migrations.AddField(
            model_name='concert',
            name='age_rating',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='age rating'),
        ),
        migrations.AddField(
            model_name='concert',
            name='cast',
            field=models.TextField(blank=True, db_default='', verbose_name='cast'),
        ),
        migrations.AddField(
            model_name='concert',
            name='contact',
            field=models.CharField(blank=True, db_default='', max_length=200, verbose_name='contact for questions'),
        ),
        migrations.AddField(
            model_name='concert',
            name='genre',
            field=models.CharField(blank=True, choices=[('POP', 'pop'), ('ROCK', 'rock and indie'), ('HIP_HOP', 'hip-hop and R&B'), ('JAZZ', 'jazz'), ('CLASSICAL', 'classical'), ('TRADITIONAL', 'traditional Korean'), ('MUSICAL', 'musical and theatre'), ('DANCE', 'dance'), ('FESTIVAL', 'festival'), ('FAMILY', 'family'), ('TALK', 'talk and fan meeting'), ('OTHER', 'other')], db_default='', max_length=11, verbose_name='genre'),
        ),
        migrations.AddField(
            model_name='concert',
            name='notices',
            field=models.TextField(blank=True, db_default='', verbose_name='notices'),
        ),
        migrations.AddField(
            model_name='concert',
            name='organiser',
            field=models.CharField(blank=True, db_default='', max_length=200, verbose_name='organiser'),
        ),
        migrations.AddField(
            model_name='concert',
            name='running_minutes',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='running time in minutes'),
        ),
        migrations.AddField(
            model_name='concert',
            name='seller',
            field=models.TextField(blank=True, db_default='', verbose_name='seller'),
        ),
        migrations.CreateModel(
            name='Venue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('address', models.CharField(blank=True, db_default='', max_length=300, verbose_name='address')),
                ('map_url', models.URLField(blank=True, db_default='', max_length=500, verbose_name='link to a map')),
                ('time_zone', models.CharField(default=reservations.models.venue.house_zone, max_length=64, verbose_name='time zone')),
            ],
            options={
                'verbose_name': 'venue',
                'verbose_name_plural': 'venues',
                'db_table': 'venue',
                'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='venue_has_a_name'), models.CheckConstraint(condition=models.Q(('map_url', ''), ('map_url__regex', '^https?://'), _connector='OR'), name='venue_map_url_is_an_address'), models.CheckConstraint(condition=models.Q(models.Case(models.When(then=reservations.models.venue.ZoneIsKnown('time_zone'), time_zone__regex='^(UTC|[A-Z][A-Za-z_]*(/[A-Za-z0-9_+-]+)+)$'), default=models.Value(value=False), output_field=models.BooleanField())), name='venue_time_zone_is_known')],
            },
        ),
        migrations.AddField(
            model_name='concert',
            name='venue',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='concerts', to='reservations.venue', verbose_name='venue'),
        ),
    ]

"""Who refunds a whole date, on which terms."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0007_staff_permissions'),
        ('reservations', '0011_search_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RefundRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fee', models.BigIntegerField(verbose_name='fee')),
                ('refund_to', models.CharField(choices=[('wallet', 'to the wallet'), ('card', 'to the card it came from')], max_length=6, verbose_name='refund to')),
                ('note', models.CharField(max_length=500, verbose_name='reason')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='begun at')),
                ('last_round_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='last round at')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('actor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('concert_schedule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='reservations.concertschedule', verbose_name='schedule')),
            ],
            options={
                'verbose_name': 'refund run',
                'verbose_name_plural': 'refund runs',
                'db_table': 'refund_run',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('concert_schedule',), name='refund_run_one_at_a_time'), models.CheckConstraint(condition=models.Q(('fee__gte', 0)), name='refund_run_fee_not_negative'), models.CheckConstraint(condition=models.Q(('refund_to__in', ['wallet', 'card'])), name='refund_run_refund_to_known')],
            },
        ),
    ]

"""The house: who it is by law, and the pages that staff write."""

from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='HouseFacts',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(max_length=10, unique=True, verbose_name='language')),
                ('name', models.CharField(max_length=200, verbose_name='company')),
                ('representative', models.CharField(blank=True, db_default='', max_length=200, verbose_name='representative')),
                ('address', models.CharField(blank=True, db_default='', max_length=300, verbose_name='address')),
                ('phone', models.CharField(blank=True, db_default='', max_length=50, verbose_name='telephone')),
                ('email', models.EmailField(blank=True, db_default='', max_length=254, verbose_name='e-mail')),
                ('registration_number', models.CharField(blank=True, db_default='', max_length=50, verbose_name='business registration number')),
                ('mail_order_number', models.CharField(blank=True, db_default='', max_length=100, verbose_name='mail-order registration number')),
                ('hosting_provider', models.CharField(blank=True, db_default='', max_length=200, verbose_name='hosting provider')),
            ],
            options={
                'verbose_name': 'facts of the house',
                'verbose_name_plural': 'facts of the house',
                'db_table': 'house_facts',
                'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='house_facts_have_a_name'), models.CheckConstraint(condition=models.Q(('language__regex', '^[a-z]{2,3}(-[a-z0-9]+)*$')), name='house_facts_language_is_a_code')],
            },
        ),
        migrations.CreateModel(
            name='HousePage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('HELP', 'help'), ('TERMS', 'terms'), ('PRIVACY', 'privacy'), ('REFUNDS', 'refund policy')], max_length=7, verbose_name='kind')),
                ('language', models.CharField(max_length=10, verbose_name='language')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('body', models.TextField(verbose_name='text')),
            ],
            options={
                'verbose_name': 'page of the house',
                'verbose_name_plural': 'pages of the house',
                'db_table': 'house_page',
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['HELP', 'TERMS', 'PRIVACY', 'REFUNDS'])), name='house_page_kind_known'), models.CheckConstraint(condition=models.Q(('language__regex', '^[a-z]{2,3}(-[a-z0-9]+)*$')), name='house_page_language_is_a_code'), models.CheckConstraint(condition=models.Q(models.Q(('title', ''), _negated=True), models.Q(('body', ''), _negated=True)), name='house_page_is_written'), models.UniqueConstraint(fields=('kind', 'language'), name='house_page_once_a_language')],
            },
        ),
    ]

"""The rules of what a concert says of itself: known genres, lengths and ages that can be."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reservations', '0006_venues_and_facts'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='concert',
            constraint=models.CheckConstraint(condition=models.Q(('genre', ''), ('genre__in', ['POP', 'ROCK', 'HIP_HOP', 'JAZZ', 'CLASSICAL', 'TRADITIONAL', 'MUSICAL', 'DANCE', 'FESTIVAL', 'FAMILY', 'TALK', 'OTHER']), _connector='OR'), name='concert_genre_known'),
        ),
        migrations.AddConstraint(
            model_name='concert',
            constraint=models.CheckConstraint(condition=models.Q(('running_minutes__isnull', True), ('running_minutes__range', (1, 1440)), _connector='OR'), name='concert_running_minutes_bearable'),
        ),
        migrations.AddConstraint(
            model_name='concert',
            constraint=models.CheckConstraint(condition=models.Q(('age_rating__isnull', True), ('age_rating__lte', 21), _connector='OR'), name='concert_age_rating_bearable'),
        ),
    ]

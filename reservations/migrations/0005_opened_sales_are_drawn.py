"""Lines that have begun before there was a draw count as drawn: by lot nobody, everybody by time."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reservations", "0004_reservations_of_a_seat"), ("queueing", "0003_admit_function")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE concert_schedule s SET drawn_at = statement_timestamp()
             WHERE s.drawn_at IS NULL AND s.reservation_available_at <= statement_timestamp()
               AND EXISTS (SELECT FROM waiting_token t WHERE t.concert_schedule_id = s.id)
            """,
            migrations.RunSQL.noop,
        ),
    ]

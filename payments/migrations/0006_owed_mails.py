"""What is owed a mail is found by an index of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_mails_of_the_past")]

    operations = [
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                fields=["id"],
                condition=models.Q(("confirmed_mail_at__isnull", True), ("state", "COMPLETED")),
                name="payment_owed_confirmed_mail",
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                fields=["id"],
                condition=models.Q(("canceled_mail_at__isnull", True), ("state", "CANCELED")),
                name="payment_owed_canceled_mail",
            ),
        ),
    ]

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_pay_function")]

    operations = [
        migrations.AlterModelOptions(
            name="payment",
            options={
                "default_permissions": ("view",),
                "permissions": [("refund_payment", "Can refund payments")],
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
            },
        ),
    ]

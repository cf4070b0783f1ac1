from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wallet", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="balance",
            options={
                "default_permissions": ("view",),
                "permissions": [("adjust_balance", "Can adjust a wallet")],
                "verbose_name": "wallet",
                "verbose_name_plural": "wallets",
            },
        ),
        migrations.AlterModelOptions(
            name="balancehistory",
            options={
                "default_permissions": ("view",),
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger",
            },
        ),
    ]

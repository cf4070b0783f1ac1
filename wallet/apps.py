from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WalletConfig(AppConfig):
    name = "wallet"
    verbose_name = _("Wallets")

    def ready(self) -> None:
        """Register the checks: Django knows those that were imported."""
        from wallet import checks  # noqa: F401  models can't be imported before the apps are ready

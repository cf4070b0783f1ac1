from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WalletConfig(AppConfig):
    name = "wallet"
    verbose_name = _("Wallets")

    def ready(self) -> None:
        """Register the checks, as Django knows those that were imported, and the step that has a ceiling."""
        from concert_site.approvals import steps
        from wallet import checks  # noqa: F401  models can't be imported before the apps are ready
        from wallet.domain.adjustments import ADJUSTMENT

        steps.register(ADJUSTMENT)

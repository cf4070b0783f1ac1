from django.apps import AppConfig


class WalletConfig(AppConfig):
    name = "wallet"

    def ready(self) -> None:
        """Register the checks: Django knows those that were imported."""
        from wallet import checks  # noqa: F401  models can't be imported before the apps are ready

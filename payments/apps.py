from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        """Tell reservations how payments are read along with theirs."""
        from payments import queries
        from reservations.queries import payment_facts

        payment_facts.plug_in(queries)

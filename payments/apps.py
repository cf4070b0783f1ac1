from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")

    def ready(self) -> None:
        """Tell those below how payments are read along, and how money that comes for a booking is settled;
        and which steps have a ceiling.
        """
        from concert_site.approvals import steps
        from payments import queries
        from payments.domain import approved_counter, approved_refunds, date_cancellation, settlement
        from reservations.queries import payment_facts
        from wallet.domain.top_ups import use_settler

        payment_facts.use_payment_reader(queries)
        use_settler(settlement)
        of_refunds = (approved_refunds.ONE, approved_refunds.SELECTED, approved_refunds.DATE, date_cancellation.STEP)
        for step in (*of_refunds, *approved_counter.STEPS):
            steps.register(step)

"""How much one top-up may be, and how much a fan may bring in within a day and within 30."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from concert_site.lib.errors import Invalid
from concert_site.lib.formats import money
from concert_site.lib.zones import bounds_of, day_at
from wallet.domain.errors import TopUpDayLimit, TopUpMonthLimit
from wallet.models import OPEN, Purpose, TopUp
from wallet.models.top_ups import CREDITED

MONTH = timedelta(days=30)


def require_in_bounds(amount: int) -> None:
    """One top-up has a smallest and a largest amount.

    :raises Invalid: naming both
    """
    bounds = {"least": settings.TOP_UP_LEAST, "most": settings.TOP_UP_MOST}
    if not bounds["least"] <= amount <= bounds["most"]:
        raise Invalid(_("Enter an amount between %(least)s and %(most)s.") % bounds, attr="amount")


def require_in_limits(user_id: int, amount: int, now: datetime | None) -> None:
    """A fan brings in no more than so much a day and in 30 days; what may still come counts.

    :raises TopUpDayLimit, TopUpMonthLimit: saying how much is left
    """
    at = now or timezone.now()
    midnight, _next = bounds_of(day_at(at, None))
    for refusal, most, since in (
        (TopUpDayLimit, settings.TOP_UP_DAY_MOST, midnight),
        (TopUpMonthLimit, settings.TOP_UP_MONTH_MOST, at - MONTH),
    ):
        if most:
            counted = TopUp.objects.of(user_id=user_id).filter(
                purpose=Purpose.WALLET, created_at__gte=since, state__in=[*OPEN, *CREDITED]
            )
            left = most - (counted.aggregate(sum=Sum("amount"))["sum"] or 0)
            if amount > left:
                raise refusal(refusal.detail % {"left": money(max(0, left))}, attr="amount")

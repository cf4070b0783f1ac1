"""One price table for many dates. What is held or sold keeps its price: it is what the fan agreed to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.statements import execute, sql_beside
from concert_site.lib.errors import Conflict, Invalid
from reservations.domain import holds
from reservations.domain.transactions import lock_schedule
from reservations.halls.hall import is_price
from reservations.models import ConcertSchedule, ConcertSeat

Prices = Mapping[str, int]
# The version of the map that was looked at, by date.
Versions = Mapping[int, int]


class PricesChanged(Conflict):
    detail = _("Seats or prices of a date were changed since you looked. Look at the numbers again.")


@dataclass(frozen=True, slots=True)
class PriceRound:
    """What one round has changed: seats by date; `left` are the dates that are still to be done."""

    changed: dict[int, int]
    left: list[int]


def change_prices(*, versions: Versions, prices: Prices, seconds: float, now: datetime | None = None) -> PriceRound:
    """Sell the free seats of these dates at the prices of their categories, date after date until the time is over.

    Each date is a transaction; so whoever buys is kept waiting for a moment at most, and it may be gone on with. A
    category without a price keeps what it has; so does a seat that is held or sold.

    :param versions: the dates with the version of the map that was looked at
    :raises Invalid: if there is no date, or a price makes no sense
    :raises Conflict: if a date was changed since; then nothing is changed by this round
    """
    if not versions:
        raise Invalid(_("Choose a date."), attr="dates")
    if not prices:
        raise Invalid(_("Give at least one price."), attr="prices")
    if not all(is_price(price) for price in prices.values()):
        raise Invalid(_("Check the prices."), attr="prices")
    require_as_seen(versions)
    holds.release_lapsed_of(ConcertSeat.objects.filter(concert_schedule__in=versions), now=now)
    changed: dict[int, int] = {}
    until = monotonic() + seconds
    for schedule_id in sorted(versions):
        if changed and monotonic() > until:
            break
        changed[schedule_id] = write_prices(schedule_id, versions[schedule_id], prices)
    return PriceRound(changed, sorted(versions.keys() - changed.keys()))


def require_as_seen(versions: Versions) -> None:
    """
    :raises Conflict: if one of the dates was changed since it was looked at, or is gone
    """
    rows = ConcertSchedule.objects.filter(pk__in=versions)
    if dict(rows.values_list("pk", "layout_version")) != dict(versions):
        raise PricesChanged


@transaction.atomic(durable=True)
def write_prices(schedule_id: int, version: int, prices: Prices) -> int:
    """Write the prices of one date; return how many seats changed.

    :raises NotFound: if the date is gone
    :raises Conflict: if somebody changed it meanwhile
    """
    if lock_schedule(schedule_id).layout_version != version:
        raise PricesChanged
    params = {"schedule": schedule_id, "categories": list(prices), "prices": json.dumps(dict(prices))}
    changed = execute(sql_beside(__file__, "change_prices.sql"), params)
    if changed:
        ConcertSchedule.objects.filter(pk=schedule_id).update(layout_version=F("layout_version") + 1)
    return changed

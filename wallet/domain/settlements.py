"""Settlement: a day's book of a provider beside the ledger, line by line.

A payment at midnight may be in the provider's book of one day and in the ledger on the next. A line counts on the
provider's day: our side are the lines that its book names, whenever we booked them, and those that we booked on that
day and that are in no book of the day before or after.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from concert_site.lib.errors import DomainError
from concert_site.lib.reasons import require_reason
from concert_site.lib.zones import bounds_of
from wallet.domain import top_ups, withdrawals
from wallet.models import SettlementDay
from wallet.providers import TopUpUnavailable, current_provider, provider_named
from wallet.providers.base import BookLine, Provider, ProviderError
from wallet.queries import (
    OwnLine,
    first_day_of,
    has_top_ups,
    open_at_provider,
    own_lines_named,
    own_lines_of,
    providers_since,
    withdrawals_under_way,
)

log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
# A night that was missed, and a book that was late, are made good for so long.
DAYS_BACK = 7
# By then the night is over, wherever it was long.
NOON = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A line that is on one side alone (the other's amount is None), or differs. Amounts in minor units."""

    reference: str
    provider_reference: str
    provider: int | None
    ledger: int | None
    currency: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a book and the ledger have in common, and what they haven't."""

    ours: list[OwnLine]
    differences: list[Difference]
    ours_alone: list[OwnLine]


# --- A day -------------------------------------------------------------------------------------


def settle_day(provider: str, day: date, *, now: datetime | None = None) -> SettlementDay:
    """Compare a provider's book of a day with the ledger, and keep the result.

    What it took and we have not credited yet is asked about first, as if a message had come.

    :raises ProviderError: if the provider doesn't say
    """
    source = provider_named(provider)
    book = source.book_of(day)
    names = names_in(book)
    credit_missing(provider, names)
    start, end = bounds_of(day)
    booked = own_lines_of(provider, start, end)
    found = compare(book, [*own_lines_named(provider, names), *booked])
    alone = missing_in_adjacent_days(source, day, [own for own in found.ours_alone if start <= own.booked_at < end])
    differences = found.differences + [difference_about(own, None, own) for own in alone]
    return save_day(provider, day, book=book, ours=found.ours + alone, differences=differences, now=now)


def names_in(book: Iterable[BookLine]) -> set[str]:
    return {name for line in book for name in (line.reference, line.provider_reference) if name}


def credit_missing(provider: str, names: set[str]) -> None:
    """Settle what the provider has in its book and we have not credited: its message was lost, or we gave it up.

    :raises ProviderError: if the provider doesn't say
    """
    for top_up in open_at_provider(provider, names):
        try:
            top_ups.settle(top_up, top_ups.look_up(top_up))
        except DomainError as error:
            log.warning("Top-up %s is in the book of %s, and can't be credited: %s", top_up.pk, provider, error)
    for withdrawal in withdrawals_under_way(provider, names):
        withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal))


# --- Comparing ---------------------------------------------------------------------------------


def compare(book: Sequence[BookLine], own: Iterable[OwnLine]) -> Comparison:
    """Find to each line of a book its own in the ledger, by whichever reference they share."""
    by_name: dict[str, list[OwnLine]] = defaultdict(list)
    left = {each.about: each for each in own}
    for each in left.values():
        for name in (each.reference, each.provider_reference, *each.payment_names):
            by_name[name].append(each)
    ours, differences = [], []
    for line in book:
        found = counterpart(line, by_name, left)
        if found is not None:
            del left[found.about]
            ours.append(found)
        if found is None or (found.amount, found.currency) != (line.amount, line.currency.upper()):
            differences.append(difference_about(line, line, found))
    return Comparison(ours, differences, list(left.values()))


def counterpart(line: BookLine, by_name: dict[str, list[OwnLine]], left: dict[str, OwnLine]) -> OwnLine | None:
    """The line of the ledger that a line of a book is, unless another was it already.

    A refund that a provider names by its payment alone is told apart by its amount.
    """
    for name in filter(None, (line.reference, line.provider_reference)):
        there = [each for each in by_name.get(name, ()) if each.about in left]
        there = [each for each in there if (each.amount > 0) == (line.amount > 0)]
        same = [each for each in there if each.amount == line.amount]
        if found := same or [each for each in there if name in (each.reference, each.provider_reference)]:
            return found[0]
    return None


def difference_about(either: BookLine | OwnLine, line: BookLine | None, own: OwnLine | None) -> Difference:
    """What the book and the ledger say of a movement, one of which may have nothing of it."""
    return Difference(
        reference=either.reference,
        provider_reference=either.provider_reference,
        provider=line.amount if line else None,
        ledger=own.amount if own else None,
        currency=either.currency.upper(),
        about=own.about if own else "",
    )


def missing_in_adjacent_days(source: Provider, day: date, own: list[OwnLine]) -> list[OwnLine]:
    """Those of these lines that the books of the day before and after lack, too."""
    for beside in (day - ONE_DAY, day + ONE_DAY):
        if own:
            own = compare(source.book_of(beside), own).ours_alone
    return own


# --- Saving ------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def save_day(
    provider: str,
    day: date,
    *,
    book: Sequence[BookLine],
    ours: Sequence[OwnLine],
    differences: Sequence[Difference],
    now: datetime | None,
) -> SettlementDay:
    """Write the result down; what staff said of other differences than these no longer counts."""
    lines = [asdict(each) for each in sorted(differences, key=lambda each: (each.reference, each.provider_reference))]
    before = SettlementDay.objects.select_for_update(no_key=True).filter(provider=provider, day=day).first()
    said = {} if before and before.differences == lines else {"note": "", "actor": None}
    kept, _is_new = SettlementDay.objects.update_or_create(
        provider=provider,
        day=day,
        defaults={
            "provider_sum": sum(line.amount for line in book),
            "ledger_sum": sum(own.amount for own in ours),
            "provider_lines": len(book),
            "ledger_lines": len(ours),
            "differences": lines,
            "difference_count": len(lines),
            "checked_at": now or timezone.now(),
            **said,
        },
    )
    if not kept.is_settled:
        log.error("Settlement of %s with %s: %d lines differ", day, provider, len(lines))
    return kept


def explain(settlement_id: int, *, note: str, actor_id: int) -> bool:
    """Note why a day differs, so that it is no more a matter of alarm; return whether it does.

    :raises Invalid: if nothing is said
    """
    note = note.strip()
    require_reason(note)
    differing = SettlementDay.objects.filter(pk=settlement_id, difference_count__gt=0)
    return differing.update(note=note, actor_id=actor_id) == 1


# --- Each night --------------------------------------------------------------------------------


def settle_recent_days(*, now: datetime | None = None) -> list[SettlementDay]:
    """Settle yesterday with each provider that is in use, and what of the week before is missing or differs."""
    today = timezone.localdate(now)
    settled = []
    for provider in providers_in_use(today):
        for day in days_to_settle(provider, today):
            try:
                settled.append(settle_day(provider, day, now=now))
            except (ProviderError, ImportError) as error:
                log.exception("The book of %s for %s can't be had: %s", provider, day, error)  # noqa: TRY401  one line
                break
    return settled


def providers_in_use(today: date) -> list[str]:
    """Those that have brought money of late, and the one that new top-ups go to."""
    names = set(providers_since(bounds_of(today - DAYS_BACK * ONE_DAY)[0]))
    try:
        names.add(current_provider().name)
    except TopUpUnavailable:
        log.debug("No provider takes money now")
    return sorted(names)


def days_to_settle(provider: str, today: date) -> list[date]:
    """Yesterday first; no day before the provider's first."""
    first = first_day_of(provider) or today - ONE_DAY
    days = [today - back * ONE_DAY for back in range(1, DAYS_BACK + 1)]
    known = {each.day: each for each in SettlementDay.objects.filter(provider=provider, day__gte=days[-1])}
    return [day for day in days if day >= first and not (day in known and known[day].is_settled)]


def missing_days(*, now: datetime | None = None) -> list[tuple[str, date]]:
    """Days of the last week whose settlement couldn't be made; yesterday's has time until noon."""
    local = timezone.localtime(now)
    latest = local.date() - (ONE_DAY if local.hour >= NOON else 2 * ONE_DAY)
    week = [latest - back * ONE_DAY for back in range(DAYS_BACK - 1)]
    settled: dict[str, set[date]] = defaultdict(set)
    for provider, day in SettlementDay.objects.filter(day__gte=week[-1] - ONE_DAY).values_list("provider", "day"):
        settled[provider].add(day)
    if (name := brings_money(bounds_of(latest)[1])) is not None:
        # One that has never been settled at all counts from the latest day on.
        settled.setdefault(name, {latest - ONE_DAY})
    return [
        (provider, day)
        for provider, days in sorted(settled.items())
        for day in week
        if day > min(days) and day not in days
    ]


def brings_money(before: datetime) -> str | None:
    """The provider that new top-ups go to, if it has brought any before."""
    try:
        name = current_provider().name
    except TopUpUnavailable:
        return None
    return name if has_top_ups(name, before) else None

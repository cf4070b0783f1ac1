"""Which archives are kept: the newest of each of the last so many days, weeks and months that have one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from concert_site.operations.backup.stores import Kept

PERIODS: dict[str, Callable[[Kept], str]] = {
    "daily": lambda kept: kept.made_at.strftime("%Y-%m-%d"),
    "weekly": lambda kept: kept.made_at.strftime("%G-%V"),
    "monthly": lambda kept: kept.made_at.strftime("%Y-%m"),
}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many of each are kept; all of them where every number is 0."""

    daily: int
    weekly: int
    monthly: int


def superfluous(kept: Sequence[Kept], rule: RetentionRule) -> list[Kept]:
    """Those that the rule doesn't keep. The newest of all is always kept."""
    newest_first = sorted(kept, reverse=True)
    if not (rule.daily or rule.weekly or rule.monthly):
        return []
    wanted = set(newest_first[:1])
    for name, period_of in PERIODS.items():
        newest_of: dict[str, Kept] = {}
        for one in newest_first:
            newest_of.setdefault(period_of(one), one)
        # Put in newest first, so that they are in that order.
        wanted |= set(list(newest_of.values())[: getattr(rule, name)])
    return sorted(set(newest_first) - wanted)

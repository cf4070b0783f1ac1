"""Which archives are kept: the newest of each of the last so many days, weeks and months that have one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from concert_site.operations.backup.archive_names import StoredArchive

PERIODS: dict[str, Callable[[StoredArchive], str]] = {
    "daily": lambda archive: archive.made_at.strftime("%Y-%m-%d"),
    "weekly": lambda archive: archive.made_at.strftime("%G-%V"),
    "monthly": lambda archive: archive.made_at.strftime("%Y-%m"),
}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many of each are kept; all of them where every number is 0."""

    daily: int
    weekly: int
    monthly: int


def superfluous(archives: Sequence[StoredArchive], rule: RetentionRule) -> list[StoredArchive]:
    """Those that the rule doesn't keep. The newest of all is always kept."""
    newest_first = sorted(archives, reverse=True)
    if not (rule.daily or rule.weekly or rule.monthly):
        return []
    wanted = set(newest_first[:1])
    for name, period_of in PERIODS.items():
        newest_of: dict[str, StoredArchive] = {}
        for one in newest_first:
            newest_of.setdefault(period_of(one), one)
        # Put in newest first, so that they are in that order.
        wanted |= set(list(newest_of.values())[: getattr(rule, name)])
    return sorted(set(newest_first) - wanted)

"""How much a member of staff may do alone."""

from collections.abc import Mapping

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.approvals.models import Ceiling
from concert_site.lib.errors import Invalid

# What even a superuser has a ceiling for: it makes money out of nothing.
MAY_ADJUST = "wallet.adjust_balance"


def ceiling_of(user: User, permission: str) -> int | None:
    """What this member of staff may do alone with a permission (minor units); None if there is no limit.

    The most that one of their roles allows. Who has the permission by no role of the table has what the setting says.
    """
    if user.is_superuser:
        return settings.SUPERUSER_ADJUST_CEILING or None if permission == MAY_ADJUST else None
    amounts = list(Ceiling.objects.filter(group__user=user, permission=permission).values_list("amount", flat=True))
    known = [amount for amount in amounts if amount is not None]
    if not amounts:
        return settings.STAFF_CEILING
    return max(known) if len(known) == len(amounts) else None


def set_ceiling(ceiling_id: int, *, amount: int | None) -> Ceiling:
    """Change what a role may do alone; None is no limit.

    :raises Invalid: if it is below 0
    """
    if amount is not None and amount < 0:
        raise Invalid(_("A ceiling can’t be below 0."), attr="amount")
    Ceiling.objects.filter(pk=ceiling_id).update(amount=amount)
    return Ceiling.objects.select_related("group").get(pk=ceiling_id)


def add_missing(wanted: Mapping[tuple[str, str], int]) -> None:
    """Have a ceiling for each of these (a group's name and a permission); those that are there stay as they are."""
    there = set(Ceiling.objects.values_list("group__name", "permission"))
    missing = {pair: amount for pair, amount in wanted.items() if pair not in there}
    if missing:
        groups = {group.name: group for group in Group.objects.filter(name__in={name for name, _permission in missing})}
        rows = [
            Ceiling(group=groups[name], permission=permission, amount=amount)
            for (name, permission), amount in missing.items()
        ]
        Ceiling.objects.bulk_create(rows, ignore_conflicts=True)

"""Every address of the admin, filled in with what a small house has."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from concert_site.accounts.tests.factories import make_fan
from concert_site.tests.site import Site
from payments.models import TillEntry
from reservations.models import Announcement, NamedHold, Reservation, VenueHall
from wallet.models import Withdrawal

# Django's own ways in and out, which are everybody's.
OPEN = {"login", "logout"}


def names() -> Iterator[str]:
    """The name of each address below /admin/; those without one lead to one that has."""
    (site,) = (each for each in get_resolver().url_patterns if getattr(each, "namespace", None) == "admin")
    yield from sorted({name for name in names_in(site) if name and name not in OPEN})


def names_in(resolver: URLResolver) -> Iterator[str | None]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            yield each.name
        else:
            yield from names_in(each)


class Addresses:
    """Addresses by name, with a row of the house in the place of each argument."""

    def __init__(self) -> None:
        self.site = Site().withdraw()
        self.ids = self.site.ids
        self.fan = make_fan()

    def of(self, name: str) -> str:
        """The address of this name, about what there is."""
        pattern = next(iter(get_resolver("concert_site.urls").namespace_dict["admin"][1].reverse_dict.getlist(name)))
        arguments = pattern[0][0][1]
        return reverse(f"admin:{name}", kwargs={each: self.value(name, each) for each in arguments})

    def value(self, name: str, argument: str) -> Any:
        """What stands in the place of an argument."""
        if argument in {"object_id", "id"}:
            return self.object_of(name)
        known = {
            "schedule_id": self.ids["schedule"],
            "concert_id": self.ids["concert"],
            "reservation_id": self.ids["paid"],
            "user_id": self.fan.pk,
            "app_label": "reservations",
            "content_type_id": 1,
            "provider": "sandbox",
            "day": "2027-03-01",
            "key": "nothing",
            "name": "pause",
            "version": 1,
            "step": "off-sale",
        }
        return known[argument] if argument in known else self.looked_up(name, argument)

    def looked_up(self, name: str, argument: str) -> Any:
        """A row of those that the house has one of.

        :raises LookupError: if nothing here stands for the argument: add it
        """
        if argument == "pk":
            return self.pk_of(name)
        if argument == "reference":
            return Reservation.objects.get(pk=self.ids["paid"]).booking_reference
        if argument == "sale":
            return TillEntry.objects.values_list("sale", flat=True).earliest("pk")
        if argument == "named_hold_id":
            return NamedHold.objects.values_list("pk", flat=True).earliest("pk")
        if argument == "hall_id":
            return VenueHall.objects.values_list("pk", flat=True).earliest("pk")
        if argument == "announcement_id":
            return Announcement.objects.values_list("pk", flat=True).earliest("pk")
        raise LookupError(f"{name}: what stands for {argument}?")

    def pk_of(self, name: str) -> int:
        word = name.rpartition("_")[2]
        if name.startswith("approvals"):
            return self.ids["asked"]
        if word == "replay":
            return self.ids["event"]
        if name in {"wallet_settle_again", "wallet_explain", "wallet_settlement_csv"}:
            return self.ids["settlement"]
        if word == "withdrawal":
            return Withdrawal.objects.values_list("pk", flat=True).earliest("pk")
        return self.ids["topup"]

    def object_of(self, name: str) -> Any:
        """A row of the model that the name begins with."""
        for model in admin.site._registry:
            start = f"{model._meta.app_label}_{model._meta.model_name}_"
            if name.startswith(start):
                row = self.fan if model._meta.model_name == "user" else model._default_manager.order_by("pk").first()
                return row.pk if row is not None else 1
        return self.fan.pk

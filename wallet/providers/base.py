"""What a provider of payments has to be able to do, whichever it is: start, confirm, look up, cancel, refund, tell.

A provider is an object with these methods. All of them are called outside transactions, over a network, and again where
nobody knows whether they were carried out: each carries a reference that makes the second call the same as the first.
Amounts are in the currency's minor unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol


class ProviderError(Exception):
    """A provider didn't do what it was asked. `code` is short and for staff; it never holds a card's data."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class ProviderRefused(ProviderError):
    """It has said no: nothing was done, and asking again changes nothing."""


class ProviderAway(ProviderError):
    """It is away, or its answer was lost: nobody knows whether it was done. Ask again by the same reference."""


class ProviderStatus(StrEnum):
    """How a payment or refund stands at the provider."""

    OPEN = "OPEN"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    # It has never heard of it.
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a provider is asked to collect. `reference` is our name for it, the same whenever it is asked again.

    `return_url` is where the fan comes back to, whatever happened; `expires_at` is when nobody waits for it any more.
    `is_by_app`: an app asks, whose fan has no page open yet.
    """

    reference: str
    amount: int
    currency: str
    description: str
    return_url: str
    expires_at: datetime
    is_by_app: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What the provider calls it, and what the fan has to do: `{"kind": "redirect", "url": ...}`, or None.

    `data` is what the provider's widget needs on the pay page: nothing that the fan may not see. `is_paid`: nothing is
    left to do, it says that the money is there.
    """

    provider_reference: str | None = None
    next_url: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    is_paid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a payment stands at the provider: what it took, in which currency, with what.

    `refunded` is what it has given back of it so far.
    """

    status: ProviderStatus
    provider_reference: str | None = None
    amount: int = 0
    currency: str = ""
    method: str = ""
    failure: str = ""
    refunded: int = 0

    @property
    def left(self) -> int:
        """What the provider still has of it."""
        return max(0, self.amount - self.refunded)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """What a provider is asked to give back of a payment."""

    reference: str
    payment_reference: str
    payment_provider_reference: str | None
    amount: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOutcome:
    """How a refund stands at the provider."""

    status: ProviderStatus
    provider_reference: str | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """A webhook whose signature and age are good. `reference`: ours or the provider's, "" if it is about no payment."""

    event_id: str
    kind: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLine:
    """One movement in a provider's book: a payment that it took (positive), or a refund (negative).

    `reference` is ours, "" where the provider doesn't tell it, or it isn't about us. `provider_reference` is the
    payment's, or the refund's.
    """

    reference: str
    provider_reference: str
    amount: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPage:
    """What the page shows on which a fan pays by a provider's widget, and what this page alone may load.

    `sources` are Content-Security-Policy directives to widen; `context` is what the template gets.
    """

    template: str
    context: Mapping[str, Any]  # Any: of the template
    sources: Mapping[str, Sequence[str]]


class Provider(Protocol):
    """One provider of payments. `name` is what WALLET_PROVIDER says and what a top-up remembers."""

    name: str

    def check(self) -> list[str]:
        """What is wrong with its settings, a line each; asks the provider whether the keys are good, if it answers."""

    def start(self, order: Order) -> Started:
        """Prepare to collect it.

        :raises ProviderRefused: if it won't
        :raises ProviderAway: if nobody knows
        """

    def confirm(self, order: Order, provider_reference: str | None, returned: Mapping[str, str]) -> Outcome:
        """Do what is left once the fan has come back with these parameters, and say how it stands.

        The parameters come from the fan: whatever they say is asked of the provider.
        :raises ProviderAway: if nobody knows
        """

    def look_up(self, order: Order, provider_reference: str | None) -> Outcome:
        """How it stands.

        :raises ProviderAway: if nobody knows
        """

    def cancel(self, order: Order, provider_reference: str | None) -> Outcome:
        """See to it that nothing is taken for it any more, if that is still possible, and say how it stands.

        :raises ProviderAway: if nobody knows
        """

    def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give it back. FAILED, if the way it came is closed.

        :raises ProviderAway: if nobody knows
        """

    def look_up_refund(self, order: RefundOrder, provider_reference: str | None) -> RefundOutcome:
        """How a refund stands.

        :raises ProviderAway: if nobody knows
        """

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """What a message says, once its signature and age are found good.

        :param headers: names in lower case
        :raises ProviderRefused: if they aren't, or it can't be read
        """

    def pay_page(self, order: Order, data: Mapping[str, Any]) -> PayPage | None:  # Any: JSON, as it was started with
        """Our page on which the fan pays by the provider's widget; None if the provider has a page itself."""

    def book_of(self, day: date) -> list[BookLine]:
        """What it took and gave back on a day (the venue's).

        :raises ProviderAway: if it doesn't say
        """

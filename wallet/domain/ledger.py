"""The ledger: every change of a balance, each with the entry that explains it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import made_before, request_hash
from concert_site.lib.reasons import require_reason
from wallet.domain.errors import BalanceTooLarge, InsufficientBalance
from wallet.models import Balance, BalanceHistory, LedgerKind

# The largest whole number that every JSON client reads exactly (RFC 8259, section 6).
LARGEST_BALANCE = 2**53 - 1

BOOK = """
select id, balance_id, user_id, kind, amount, amount_after, payment_id, idempotency_key, request_hash, note,
       actor_id, created_at, updated_at
  from book_entry(
    %(user_id)s::bigint, %(kind)s::text, %(amount)s::bigint, null, %(idempotency_key)s::text,
    %(request_hash)s::text, %(note)s::text, %(actor_id)s::bigint, %(most)s::bigint,
    coalesce(%(now)s::timestamptz, statement_timestamp()))
"""


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """An entry of the ledger; `is_new` is false if the same order had booked it before."""

    entry: BalanceHistory
    is_new: bool


def adjust(
    *, user_id: int, amount: int, note: str, actor_id: int | None, idempotency_key: str, now: datetime | None = None
) -> BookedEntry:
    """Add `amount` (minor units, may be negative) by a member of staff, who says why; once a key, as a charge.

    :raises IdempotencyKeyReused: if the key came before, with another order
    :raises Invalid: if the amount is nothing or beyond every wallet, or note or actor are missing
    :raises InsufficientBalance: if the balance would drop below zero
    :raises BalanceTooLarge: if the wallet would hold too much
    """
    asked = checked_order(amount=amount, note=note, actor_id=actor_id)
    if before := booked_before(user_id, idempotency_key, asked):
        return before
    try:
        with transaction.atomic(durable=True):
            entry = book(
                user_id=user_id,
                kind=LedgerKind.ADJUSTMENT,
                amount=amount,
                note=note.strip(),
                actor_id=actor_id,
                idempotency_key=idempotency_key,
                request_hash=asked,
                now=now,
            )
    except IntegrityError:
        # The same request arrived twice at once. The other one waited on the balance less long, and the
        # unique constraint history_key_once_a_kind has undone this one.
        if before := booked_before(user_id, idempotency_key, asked):
            return before
        raise
    return BookedEntry(entry, is_new=True)


def checked_order(*, amount: int, note: str, actor_id: int | None) -> str:
    """The hash of an adjustment that can be asked for.

    :raises Invalid: if the amount is nothing or beyond every wallet, or note or actor are missing
    """
    note = note.strip()
    if amount == 0 or abs(amount) > LARGEST_BALANCE:
        raise Invalid(_("Give an amount to add, or with a minus, to take off."), attr="amount")
    require_reason(note)
    if actor_id is None:
        raise Invalid(_("Say who adjusts the balance."), attr="actor")
    return request_hash({"amount": amount, "note": note, "actor": actor_id})


def booked_before(user_id: int, idempotency_key: str, asked: str) -> BookedEntry | None:
    """The adjustment that this key has booked, if it has.

    :raises IdempotencyKeyReused: if that was another request
    """
    own = BalanceHistory.objects.of(user_id=user_id).filter(kind=LedgerKind.ADJUSTMENT, idempotency_key=idempotency_key)
    entry = made_before(own.first(), asked)
    return BookedEntry(entry, is_new=False) if entry else None


def open_wallets(*, user_ids: Sequence[int], amount: int, note: str) -> None:
    """Give fans who have no balance yet one of `amount`, as a top-up each, in one statement.

    For load tests and demo data: nobody pays for it.
    """
    params = {"user_ids": list(user_ids), "amount": amount, "note": note, "currency": settings.CURRENCY}
    fetch(sql_beside(__file__, "open_wallets.sql"), params)


def lock_balance(user_id: int) -> int:
    """Lock a fan's balance until the caller's transaction ends, and say what it is; one that isn't there is opened."""
    Balance.objects.bulk_create([Balance(user_id=user_id, last_updated_at=Now())], ignore_conflicts=True)
    return Balance.objects.select_for_update(no_key=True, of=("self",)).get(user_id=user_id).amount


def book(
    *,
    user_id: int,
    kind: LedgerKind,
    amount: int,
    note: str = "",
    actor_id: int | None = None,
    idempotency_key: str | None = None,
    request_hash: str | None = None,
    now: datetime | None = None,
) -> BalanceHistory:
    """Change a balance by `amount` and write its entry: a step of the caller's transaction.

    The balance is locked from here to its end, so seats, reservations and payments are locked before.
    :raises InsufficientBalance: if the balance would drop below zero
    :raises BalanceTooLarge: if the wallet would hold too much
    """
    entry = {
        "user_id": user_id,
        "kind": LedgerKind(kind).value,
        "amount": amount,
        "idempotency_key": idempotency_key,
        "request_hash": request_hash,
        "note": note,
        "actor_id": actor_id,
        "now": now,
        "most": LARGEST_BALANCE,
    }
    rows = fetch(BOOK, entry)
    if not rows:
        raise InsufficientBalance if amount < 0 else BalanceTooLarge
    return BalanceHistory.from_db("default", list(rows[0]), list(rows[0].values()))

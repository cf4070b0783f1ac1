"""Erasing a person: the account stays as a number, which payments and the ledger need; who it was goes."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta

import pgtrigger
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.devices import account_key
from concert_site.accounts.models import KnownNetwork, User
from concert_site.accounts.sessions import end_sessions
from concert_site.accounts.walk_ins import DOMAIN
from concert_site.approvals.models import Approval
from concert_site.lib.errors import Conflict, Unavailable, require_found
from concert_site.operations.personal_data.collecting import notes_about
from payments.models import TillEntry
from queueing.domain.line import is_in_a_line, leave_every_line
from reservations.models import Reservation
from reservations.models.reservation import is_held_at
from reservations.tickets.calendar import USUAL_MINUTES
from wallet.models import Balance, ProviderEvent, TopUp, Withdrawal

# What stands where a text of somebody's was that may not be empty.
ERASED = "-"
# Beside a fan who joins one line after another.
TRIES = 5
SCRUB_TRACE = """
    update change set reason = '', changes = changes
        || case when changes ? 'email' then '{"email": [null, null]}'::jsonb else '{}' end
        || case when changes ? 'name' then '{"name": [null, null]}'::jsonb else '{}' end
        || case when changes ? 'reason' then '{"reason": [null, null]}'::jsonb else '{}' end
        || case when changes ? 'payload' then '{"payload": [null, null]}'::jsonb else '{}' end
     where fan_id = %s or (table_name = 'users' and objects_changed @> array[%s]::bigint[])
"""


class StaffAccount(Conflict):
    """Staff have done things for others, which must be known to be theirs."""

    code = "staff_account"
    detail = _("An account of staff can’t be closed here. Ask a colleague who manages accounts.")


class MoneyLeft(Conflict):
    """There is money in the wallet, or on its way."""

    code = "money_left"
    detail = _("There is money in your wallet or on its way. Withdraw it or spend it first.")


class TicketsLeft(Conflict):
    """Tickets of a concert to come, or seats that are held."""

    code = "tickets_left"
    detail = _("You have tickets for a concert to come, or seats on hold. Cancel them or wait until it is over.")


class StepWaiting(Conflict):
    """Staff have something to decide about this account."""

    code = "step_waiting"
    detail = _("Our staff have yet to decide something about your account. Please try again in a few days.")


class JoinedMeanwhile(Exception):
    """A place in line is newer than the look at them: to be done again from the start."""


class UsedAgain(Conflict):
    """Somebody has logged in meanwhile."""

    code = "used_again"


def obstacles(user_id: int) -> list[Conflict]:
    """All that keeps an account from being erased.

    :raises NotFound: if there is no such account
    """
    user = require_found(User.objects.filter(pk=user_id).first())
    found: list[Conflict] = []
    if user.is_staff or user.is_superuser:
        found.append(StaffAccount())
    if has_money(user_id):
        found.append(MoneyLeft())
    if has_tickets(user_id):
        found.append(TicketsLeft())
    if Approval.objects.waiting().filter(fan_id=user_id).exists():
        found.append(StepWaiting())
    return found


def has_money(user_id: int) -> bool:
    """Whether any is in the wallet, on its way in, or on its way out."""
    return (
        Balance.objects.filter(user_id=user_id, amount__gt=0).exists()
        or TopUp.objects.of(user_id=user_id).unsettled().exists()
        or Withdrawal.objects.of(user_id=user_id).open().exists()
    )


def has_tickets(user_id: int) -> bool:
    """Whether any are for a concert that isn't over, or on hold."""
    minutes = Coalesce("concert_schedule__concert__running_minutes", USUAL_MINUTES)
    lasts = ExpressionWrapper(minutes * timedelta(minutes=1), output_field=DurationField())
    found = Reservation.objects.filter(user_id=user_id).alias(over_at=F("concert_schedule__concert_at") + lasts)
    return found.filter(Q(status="RESERVED", over_at__gt=Now()) | Q(is_held_at())).exists()


def is_erased(user: User) -> bool:
    return user.email.startswith("erased-") and user.email.endswith(f"@{DOMAIN}")


def erase(user_id: int, *, unused_since: datetime | None = None) -> None:
    """Take everything that says who an account was; nobody logs in to it any more. Erased again, nothing changes.

    :param unused_since: only if nobody has logged in since
    :raises Conflict: naming the first thing that keeps it from being erased
    :raises Unavailable: if the fan goes on joining lines
    """
    for _again in range(TRIES):
        with suppress(JoinedMeanwhile):
            erase_once(user_id, unused_since=unused_since)
            end_sessions(user_id)
            return
    raise Unavailable


@transaction.atomic(durable=True)
def erase_once(user_id: int, *, unused_since: datetime | None = None) -> None:
    """As `erase`, but for the sessions.

    :raises JoinedMeanwhile: if the fan came into a line before the account could be locked
    """
    # Who holds seats locks their token first: what is on its way is seen below, and what comes later is refused.
    leave_every_line(user_id=user_id)
    # FOR UPDATE: whatever else begins to point at the account waits until it is closed.
    user = require_found(User.objects.select_for_update(of=("self",)).filter(pk=user_id).first())
    if is_erased(user):
        return
    if unused_since and (user.last_login is None or user.last_login > unused_since):
        raise UsedAgain
    if found := obstacles(user_id):
        raise found[0]
    # Left now, behind the account's lock, it could wait for a hold that waits for the account.
    if is_in_a_line(user_id):
        raise JoinedMeanwhile
    erase_logins(user)
    anonymize(user)
    erase_texts(user_id)


def erase_logins(user: User) -> None:
    """Whatever opened the account, and where it was opened."""
    for model in (EmailAddress, SocialAccount, Authenticator, UserSession):
        model.objects.filter(user=user).delete()
    KnownNetwork.objects.filter(account=account_key(user.email)).delete()


def anonymize(user: User) -> None:
    """A number in place of who it was; the address leads nowhere, as a walk-in's does."""
    user.email = f"erased-{secrets.token_hex(8)}@{DOMAIN}"
    user.name = user.locale = ""
    user.is_active, user.last_login = False, None
    user.set_unusable_password()
    user.save()
    user.groups.clear()


def erase_texts(user_id: int) -> None:
    """What others wrote about them, and what the trace and providers' messages have. Rows stay, words go.

    The notes of the ledger and of the till stay: they are records of payments, which the law has kept.
    """
    with pgtrigger.ignore("reservations.StaffNote:staff_note_is_append_only"):
        notes_about(user_id).update(text=ERASED)
    TillEntry.objects.filter(user_id=user_id).update(mail_to="")
    with pgtrigger.ignore("approvals.Approval:approval_order_stays"):
        Approval.objects.filter(fan_id=user_id).update(reason=ERASED, answer="", payload={})
    top_ups = TopUp.objects.filter(user_id=user_id)
    references = list(top_ups.values_list("reference", flat=True))
    theirs = list(top_ups.exclude(provider_reference=None).values_list("provider_reference", flat=True))
    top_ups.update(next=None, return_path="")
    ProviderEvent.objects.filter(reference__in=references + theirs).update(body=b"")
    # Django's own log names what was changed by its text: the address.
    log = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user_id))
    log.update(object_repr=ERASED, change_message="")
    with pgtrigger.ignore("trace.Change:trace_is_append_only"), connection.cursor() as cursor:
        cursor.execute(SCRUB_TRACE, [user_id, user_id])

"""The one address of an account: it counts once its owner has shown a code that was mailed there.

allauth keeps it in a table of its own beside `User.email`; here both change together.
"""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError, Q
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.accounts.sessions import end_sessions
from concert_site.lib.errors import Conflict, NotAllowed

# Names that lead nowhere outside of one machine or house (RFC 2606, 6761, 6762, 7686, and ICANN's .internal).
NOWHERE = {"invalid", "localhost", "local", "internal", "onion"}
# RFC 5321, 4.5.3.1.1, and the column's.
LONGEST_NAME, LONGEST_ADDRESS = 64, 254
has_address_form = EmailValidator(allowlist=[])


class AddressUnverified(NotAllowed):
    """The account's address must be shown to be its owner's first."""

    code = "address_unverified"
    detail = _("Please confirm your e-mail address first: enter the code that we send you.")


class EmailTaken(Conflict):
    """Another account has this address."""

    code = "email_taken"
    detail = _("Another account uses this address.")


def receivable_address(email: str) -> str:
    """The one way in which an address is kept: in lower case, its domain as it goes over the wire (IDNA).

    However a domain was typed, it is one mailbox, and so one account. Asks no name server.
    :raises ValidationError: if its form is wrong, or no mail from outside can reach it
    """
    name, _at, domain = email.strip().lower().rpartition("@")
    try:
        wire = domain.encode("idna").decode("ascii")
        # What merely begins like an encoded name is none.
        wire.encode("ascii").decode("idna")
    except UnicodeError as error:
        raise ValidationError(has_address_form.message, code="invalid") from error
    has_address_form(f"{name}@{wire}")
    # Quoted names may hold blanks and control characters; nobody has one, and few servers take them (RFC 5321, 4.1.2).
    # Django's form takes letters that Unicode counts as an i or s. A domain gets longer on its way over the wire.
    if '"' in name or not name.isascii() or len(name) > LONGEST_NAME or len(f"{name}@{wire}") > LONGEST_ADDRESS:
        raise ValidationError(has_address_form.message, code="invalid")
    if wire.startswith("[") or "." not in wire or wire.rpartition(".")[2] in NOWHERE:
        raise ValidationError(_("No mail can be delivered to this address."), code="undeliverable")
    return f"{name}@{wire}"


def is_verified(user_id: int) -> bool:
    """Whether the account's present address was shown to be its owner's."""
    own = EmailAddress.objects.filter(user_id=user_id, email=F("user__email"))
    return bool(own.filter(verified=True).exists())


def is_free(email: str) -> bool:
    """Whether an account may still get this address: it is nobody's, or is named by one that never showed a code."""
    holder = User.objects.of_address(email)
    return holder is None or bool(settings.VERIFY_ADDRESSES and may_lose_address(holder))


def may_lose_address(holder: User) -> bool:
    """Whether an account has an address only by its own word. Of an account with a past that is for staff to settle."""
    return holder.is_active and not holder.is_staff and not is_verified(holder.pk)


def claim_address(user: User, email: str, *, keep: str | None = None) -> str:
    """Let the address, for which a code was given, be the account's only one; the address that it had before.

    If it is another than before, whatever was issued for the old one is over: all sessions but the one of key `keep`,
    and every access token. An account that merely named this address, and is empty, is deleted.

    :raises EmailTaken: if it is the address of an account that was verified, or that has a past
    """
    try:
        with transaction.atomic(durable=True):
            wanted = email.lower()
            # The rows first, in one order: two changes of one account take turns, and so do two accounts that want
            # each other's address.
            rows = User.objects.filter(Q(pk=user.pk) | Q(email=wanted)).order_by("pk")
            locked = {each.pk: each for each in rows.select_for_update(no_key=True, of=("self",))}.get(user.pk)
            if locked is None:
                # It named the address of whoever was quicker to show a code, and went with that.
                raise EmailTaken(attr="email")
            before = locked.email
            if before != wanted:
                release_address(wanted)
                locked.email = user.email = wanted
                locked.save(update_fields=["email"])
            set_address(locked, is_verified=True)
            if before != wanted:
                end_sessions(user.pk, keep=keep)
    except IntegrityError as error:
        raise EmailTaken(attr="email") from error
    return before


def revoke_access(user: User) -> None:
    """Take from whoever signed up with an address that they don't read every way back into the account.

    For the moment in which somebody else shows a code that was mailed there.
    """
    user.set_unusable_password()
    with transaction.atomic():
        user.save(update_fields=["password"])
        SocialAccount.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user).delete()
        end_sessions(user.pk)


def release_address(email: str) -> None:
    """Delete the account that took this address without ever showing a code, if nothing came of it.

    A step of the caller's transaction.
    :raises EmailTaken: if the account was verified, or has bookings, money or a past
    """
    squatter = User.objects.select_for_update(no_key=True, of=("self",)).filter(email=email).first()
    if squatter is None:
        return
    if not may_lose_address(squatter):
        raise EmailTaken(attr="email")
    try:
        with transaction.atomic():
            end_sessions(squatter.pk)
            squatter.delete()
    except ProtectedError as error:
        raise EmailTaken(attr="email") from error


def set_address(user: User, *, is_verified: bool) -> None:
    """Make the user's address the only one that opens the account: a step of the caller's transaction.

    No old one stays behind: it was given up, or is somebody else's.
    """
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"primary": True, "verified": is_verified}
    )

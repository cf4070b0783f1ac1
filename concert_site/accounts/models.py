"""The user: who logs in with an e-mail address."""

from typing import ClassVar

import pgtrigger
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Cast, Left, Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.search_keys import Joined

LONGEST_KEY = 200

# Whoever changes an account, and by whatever way, ends the access tokens that were issued before; the sessions of an
# account that is switched off or gone end with it. (What else ends is in concert_site.accounts.sessions.)
CHANGE_ENDS_TOKENS = pgtrigger.Trigger(
    name="change_ends_tokens",
    operation=pgtrigger.Update,
    when=pgtrigger.After,
    condition=pgtrigger.AnyChange("password", "email", "is_active"),
    func="""
    INSERT INTO access_revocation (user_id, session_hash) VALUES (NEW.id, '');
    IF NOT NEW.is_active THEN
        DELETE FROM account_session WHERE user_id = NEW.id;
    END IF;
    RETURN NULL;
    """,
)
DELETION_ENDS_SESSIONS = pgtrigger.Trigger(
    name="deletion_ends_sessions",
    operation=pgtrigger.Delete,
    when=pgtrigger.After,
    func="""
    INSERT INTO access_revocation (user_id, session_hash) VALUES (OLD.id, '');
    DELETE FROM account_session WHERE user_id = OLD.id;
    RETURN NULL;
    """,
)
# A session's row is the session: when it goes, by whatever way, its access tokens go.
SESSION_ENDS_TOKENS = pgtrigger.Trigger(
    name="session_ends_tokens",
    operation=pgtrigger.Delete,
    when=pgtrigger.After,
    condition=pgtrigger.Condition("OLD.has_tokens AND OLD.user_id IS NOT NULL"),
    func="""
    INSERT INTO access_revocation (user_id, session_hash)
    VALUES (OLD.user_id, encode(sha256(convert_to(OLD.session_key, 'UTF8')), 'hex'));
    RETURN NULL;
    """,
)


class UserManager(BaseUserManager["User"]):
    """Makes users; Django's commands and allauth call it by these names."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Make a user; the address is kept in lower case, so that it names one account."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def of_address(self, email: str) -> "User | None":
        """Whose address it is, however it was typed."""
        return self.filter(email=email.strip().lower()).first()

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A fan or a member of staff."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    locale = models.CharField(_("language"), max_length=10, blank=True)
    # What staff look for by name. Cut, since an entry of an index has an end, and of some letters NFKC makes eighteen.
    name_key = models.GeneratedField(
        expression=Left(Joined("name"), LONGEST_KEY),
        output_field=models.CharField(max_length=LONGEST_KEY),
        db_persist=True,
        editable=False,
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.CheckConstraint(condition=models.Q(email=Lower("email")), name="users_email_lower_case")]
        # A part of a name is looked for in all of this, without the table.
        indexes = [models.Index(fields=["name_key"], name="users_name_key")]
        triggers = [CHANGE_ENDS_TOKENS, DELETION_ENDS_SESSIONS]

    def __str__(self) -> str:
        return self.email

    @property
    def shown_name(self) -> str:
        """Their name, or the address of who gave none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]


class KnownNetwork(models.Model):
    """A network that an account was logged in from: strangers' guesses don't shut it out (accounts.brute_force).

    Both are keyed hashes, so the table says of nobody where they are; there is no foreign key, because addresses that
    nobody has an account of are looked up in the same way.
    """

    account = models.CharField(_("account"), max_length=32)
    network = models.CharField(_("network"), max_length=32)
    last_login_at = models.DateTimeField(_("last login at"))

    class Meta:
        db_table = "known_network"
        verbose_name = _("known network")
        verbose_name_plural = _("known networks")
        constraints = [
            models.UniqueConstraint(fields=["account", "network"], name="known_network_account_network_unique")
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.network}"


class SpentProof(models.Model):
    """A proof of work that has paid for a sign-up; kept until it would be refused for its age anyway."""

    nonce = models.CharField(_("nonce"), max_length=32, unique=True)
    expired_at = models.DateTimeField(_("expired at"), db_index=True)

    class Meta:
        db_table = "spent_proof"
        verbose_name = _("spent proof of work")
        verbose_name_plural = _("spent proofs of work")

    def __str__(self) -> str:
        return self.nonce


class AccountSession(AbstractBaseSession):
    """A session of a page or an app: Django's own, and whose it is, so that an account's sessions can be ended."""

    # No foreign key: a visitor has none, and a trigger ends the sessions of whoever is deleted.
    user_id = models.BigIntegerField(null=True, db_index=True)
    # Whether refresh and access tokens were issued for it.
    has_tokens = models.BooleanField(default=False)
    # Good to some minutes: when it was saved, or noted as seen (concert_site.accounts.session_activity).
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "account_session"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        triggers = [SESSION_ENDS_TOKENS]

    def __str__(self) -> str:
        # The key itself opens the account, and has no place in a log.
        return f"session of account {self.user_id}"


class AccessRevocation(models.Model):
    """Access tokens of an account that are over before their time: all issued before this row, or those of a session.

    Rows are kept for as long as such a token could live. An account's rows are written behind a lock on its own, so
    their ids are in the order of their commits.
    """

    # No foreign key: the tokens of who was deleted are over as well.
    user_id = models.BigIntegerField()
    # SHA-256 of the session's key, hex; blank for all sessions.
    session_hash = models.CharField(max_length=64, blank=True, db_default="")
    # The transaction that wrote it, by which readers find what was committed since they last looked.
    transaction = models.BigIntegerField(
        db_default=Cast(
            Cast(models.Func(function="pg_current_xact_id"), models.TextField()), output_field=models.BigIntegerField()
        ),
        db_index=True,
    )
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        db_table = "access_revocation"
        verbose_name = _("revocation of access tokens")
        verbose_name_plural = _("revocations of access tokens")
        indexes = [models.Index(fields=["user_id", "id"], name="access_revocation_of_user")]

    def __str__(self) -> str:
        return f"access tokens of account {self.user_id} before {self.pk}"

"""The user: who logs in with an e-mail address."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Makes users; Django's commands and allauth call it by these names."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Make a user; the address is kept in lower case, so that it names one account."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Make a member of staff who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find the account of an e-mail address, however it was typed."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A fan or a member of staff."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    locale = models.CharField(_("language"), max_length=10, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="users_email_lower_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_short_name(self) -> str:
        """The name to greet with."""
        return self.name or self.email.partition("@")[0]


class KnownNetwork(models.Model):
    """A network that an account was logged in from: strangers' guesses don't shut it out (accounts.guessing).

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
            models.UniqueConstraint(fields=["account", "network"], name="known_network_account_network_unique"),
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

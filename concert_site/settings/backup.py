"""Backups: where they go, who can open them, how many are kept."""

import re

from django.core.exceptions import ImproperlyConfigured

from concert_site.settings.base import env

_BUCKET = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/\S*)?", re.ASCII)


def age_keys(name: str, words: list[str]) -> list[str]:
    """The public keys of age that a variable has.

    :raises ImproperlyConfigured: if one is something else; it may be a private key, so it is not shown
    """
    words = [word.strip() for word in words]
    if words:
        # Only who has set the variable waits for the import.
        from pyrage import RecipientError, x25519

        try:
            for word in words:
                x25519.Recipient.from_str(word)
        except RecipientError:
            raise ImproperlyConfigured(f"{name} is no public key of age: it looks like age1...") from None
    return words


# A folder, or s3://bucket/prefix.
BACKUP_TO = env.str("BACKUP_TO", default="")
if "://" in BACKUP_TO and not _BUCKET.fullmatch(BACKUP_TO):
    raise ImproperlyConfigured(f"BACKUP_TO={BACKUP_TO} is neither a folder nor like s3://bucket/prefix.")
# Separated by commas; else a passphrase.
BACKUP_RECIPIENT = age_keys("BACKUP_RECIPIENT", env.list("BACKUP_RECIPIENT", default=[]))
BACKUP_PASSPHRASE_FILE = env.str("BACKUP_PASSPHRASE_FILE", default="")
# The private key: where backups are verified and restored, not where they are made.
BACKUP_IDENTITY_FILE = env.str("BACKUP_IDENTITY_FILE", default="")
BACKUP_KEYS = env.bool("BACKUP_KEYS", default=True)
BACKUP_KEEP_DAILY = env.whole("BACKUP_KEEP_DAILY", default=7, least=0)
BACKUP_KEEP_WEEKLY = env.whole("BACKUP_KEEP_WEEKLY", default=5, least=0)
BACKUP_KEEP_MONTHLY = env.whole("BACKUP_KEEP_MONTHLY", default=12, least=0)
# pg_dump and pg_restore; else they are looked for.
POSTGRES_BIN_DIR = env.str("POSTGRES_BIN_DIR", default="")

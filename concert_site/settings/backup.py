"""Backups: where they go, who can open them, how many are kept."""

from concert_site.settings.base import env

# A folder, or s3://bucket/prefix.
BACKUP_TO = env.backup_place("BACKUP_TO")
# Public keys of age, separated by commas; else a passphrase.
BACKUP_RECIPIENT = env.age_keys("BACKUP_RECIPIENT")
BACKUP_PASSPHRASE_FILE = env.str("BACKUP_PASSPHRASE_FILE", default="")
# The private key: where backups are verified and restored, not where they are made.
BACKUP_IDENTITY_FILE = env.str("BACKUP_IDENTITY_FILE", default="")
BACKUP_KEYS = env.bool("BACKUP_KEYS", default=True)
BACKUP_KEEP_DAILY = env.whole("BACKUP_KEEP_DAILY", default=7, least=0)
BACKUP_KEEP_WEEKLY = env.whole("BACKUP_KEEP_WEEKLY", default=5, least=0)
BACKUP_KEEP_MONTHLY = env.whole("BACKUP_KEEP_MONTHLY", default=12, least=0)
# pg_dump and pg_restore; else they are looked for.
POSTGRES_BIN_DIR = env.str("POSTGRES_BIN_DIR", default="")

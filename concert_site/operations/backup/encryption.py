"""Encryption: age's format, by which any age can open a backup, also without Frontrow.

For public keys the file is what `age -r` writes. With a passphrase, it begins with a key made for this one backup, in
age's own armor and locked by that passphrase; the rest is encrypted to that key. docs/backup.md opens both by hand.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from pyrage import DecryptError, EncryptError, IdentityError, RecipientError, decrypt_io, encrypt_io, passphrase, x25519

from concert_site.operations.backup.errors import BackupFailed

ARMOR_BEGINS, ARMOR_ENDS = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----\n"
LOCKED_KEY_MOST = 64 * 1024
AGE_BEGINS = b"age-encryption.org/"
SHORTEST_PASSPHRASE = 12


class Encryptor:
    """Encrypts to public keys, or by a passphrase."""

    def __init__(self, recipients: Sequence[str] = (), passphrase_file: str = "") -> None:
        """:raises BackupFailed: if a key or the file is not good; its content is not shown"""
        try:
            self._recipients = [x25519.Recipient.from_str(one.strip()) for one in recipients]
        except RecipientError as error:
            raise BackupFailed("BACKUP_RECIPIENT is no public key of age: it looks like age1...") from error
        self._passphrase = read_passphrase(passphrase_file) if passphrase_file and not recipients else ""
        if not self._recipients and not self._passphrase:
            raise BackupFailed("set BACKUP_RECIPIENT or BACKUP_PASSPHRASE_FILE: backups hold everybody's data")

    def encrypt(self, source: IO[bytes], out: IO[bytes]) -> None:
        """Copy `source` to `out` encrypted, in pieces.

        :raises BackupFailed: if reading or writing fails
        """
        recipients = self._recipients
        if self._passphrase:
            once = x25519.Identity.generate()
            recipients = [once.to_public()]
            out.write(passphrase.encrypt(str(once).encode(), self._passphrase, armored=True))
        try:
            encrypt_io(source, out, recipients)
        except (EncryptError, OSError) as error:
            raise BackupFailed(f"the backup couldn't be written: {error}") from error


class Decryptor:
    """Opens what an Encryptor closed: private keys from a file, or the passphrase."""

    def __init__(self, identity_file: str = "", passphrase_file: str = "") -> None:
        """:raises BackupFailed: if a file can't be read or holds no key"""
        self._identities = read_identities(identity_file) if identity_file else []
        self._passphrase = read_passphrase(passphrase_file) if passphrase_file else ""

    def decrypt(self, source: IO[bytes], out: IO[bytes]) -> None:
        """Copy `source` to `out` decrypted, in pieces; each is authenticated before it is written.

        :raises BackupFailed: if the key doesn't fit, or the file was changed or cut off
        """
        identities = self._identities_for(source)
        try:
            decrypt_io(source, out, identities)
        except DecryptError as error:
            raise BackupFailed(f"the key doesn't open this backup: {error}") from error
        except OSError as error:
            raise BackupFailed(f"the backup is damaged or cut off: {error}") from error

    def _identities_for(self, source: IO[bytes]) -> list[Any]:  # Any: pyrage's
        begins = source.read(len(ARMOR_BEGINS))
        source.seek(0)
        if begins != ARMOR_BEGINS:
            if not begins.startswith(AGE_BEGINS):
                raise BackupFailed("this is no backup of Frontrow: it isn't encrypted by age")
            if not self._identities:
                raise BackupFailed("it was encrypted to a public key: name the private one's file by --identity FILE")
            return self._identities
        if not self._passphrase:
            raise BackupFailed("it was encrypted by a passphrase: set BACKUP_PASSPHRASE_FILE")
        locked, found, _rest = source.read(LOCKED_KEY_MOST).partition(ARMOR_ENDS)
        source.seek(len(locked) + len(found))
        try:
            return [x25519.Identity.from_str(passphrase.decrypt(locked + found, self._passphrase).decode())]
        except (DecryptError, IdentityError) as error:
            raise BackupFailed("the passphrase in BACKUP_PASSPHRASE_FILE doesn't open this backup") from error


def read_passphrase(file: str) -> str:
    """The first line of a file.

    :raises BackupFailed: if there is none, or it is short
    """
    try:
        text = Path(file).read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BackupFailed(f"BACKUP_PASSPHRASE_FILE ({file}) can't be read: {reason_of(error)}") from error
    if len(text) < SHORTEST_PASSPHRASE:
        raise BackupFailed(f"the passphrase in BACKUP_PASSPHRASE_FILE has less than {SHORTEST_PASSPHRASE} characters")
    return text


def read_identities(file: str) -> list[Any]:  # Any: pyrage's
    """The private keys in a file as age-keygen writes it.

    :raises BackupFailed: if there is none
    """
    try:
        lines = [line.strip() for line in Path(file).read_text().splitlines()]
        found = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise BackupFailed(f"the key file {file} can't be read: {reason_of(error)}") from error
    except IdentityError as error:
        raise BackupFailed(f"the key file {file} holds no private key of age (AGE-SECRET-KEY-1...)") from error
    if not found:
        raise BackupFailed(f"the key file {file} holds no private key of age (AGE-SECRET-KEY-1...)")
    return found


def reason_of(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def new_identity() -> tuple[str, str]:
    """A new private key, and its public one."""
    made = x25519.Identity.generate()
    return str(made), str(made.to_public())

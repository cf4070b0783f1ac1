"""The key that signs tickets, and its public half for whoever checks them."""

from functools import cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid

# Says what the derived key is for, so that nothing else that is derived from SECRET_KEY equals it.
PURPOSE = b"frontrow ticket FR1 Ed25519"
KEY_BYTES = 32


def private_key() -> Ed25519PrivateKey:
    """The site's key: TICKET_PRIVATE_KEY, or one derived from SECRET_KEY."""
    return key_from(settings.TICKET_PRIVATE_KEY, settings.SECRET_KEY)


def public_key() -> Ed25519PublicKey:
    return private_key().public_key()


def public_pem() -> str:
    return public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def key_from(pem: str, secret: str) -> Ed25519PrivateKey:
    """The key in a PEM (settings have judged it), or without one the key that belongs to a secret."""
    if not pem:
        seed = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE).derive(secret.encode())
        return Ed25519PrivateKey.from_private_bytes(seed)
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("TICKET_PRIVATE_KEY is not an Ed25519 key")
    return key


def public_key_from(pem: str) -> Ed25519PublicKey:
    """The public key in a PEM.

    :raises Invalid: if it holds none, or one of another kind
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(_("This is not a public key in PEM."), attr="key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Invalid(_("This is not an Ed25519 key."), attr="key")
    return key

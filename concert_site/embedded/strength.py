"""Whether a secret could be guessed. Production starts with none that could."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

# Of random characters as `secrets.token_urlsafe(50)` and `secrets.token_hex(32)` make them.
SHORTEST = {"SECRET_KEY": 50, "JWT_PRIVATE_KEY": 32}
LEAST_BITS = 128
LEAST_DISTINCT = 10
LEAST_RSA_BITS = 2048
# Whoever guesses starts with these; none comes by chance.
WELL_KNOWN = re.compile(
    r"django-insecure|change.?me|change.?this|replace.?me|your.?secret|my.?secret|secret.?key|super.?secret|top.?secret"
    r"|private.?key|password|passwort|example|placeholder|default|qwerty|letmein|frontrow|lorem.?ipsum|correct.?horse",
    re.IGNORECASE,
)


def complaint(name: str, text: str) -> str:
    """What is wrong with a secret, as a sentence that names its variable and never shows it; empty if nothing is."""
    is_pem = "BEGIN" in text
    said = pem_complaint(text) if is_pem else complaint_about(text, SHORTEST[name])
    how = "openssl genrsa 2048" if is_pem else "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
    return f"{name} {said}: production does not start with it; make one by `{how}`" if said else ""


def weakness_of(secrets: Mapping[str, str]) -> str:
    """The first complaint about any of them, or about them together."""
    found = next(filter(None, (complaint(name, text) for name, text in secrets.items())), "")
    if not found and len(set(secrets.values())) < len(secrets):
        return f"{' and '.join(secrets)} are the same: production wants a secret for each"
    return found


def complaint_about(text: str, shortest: int) -> str:
    """Why these characters are no secret; empty if nothing speaks against them."""
    if len(text) < shortest:
        return f"is shorter than {shortest} characters"
    if WELL_KNOWN.search(text):
        return "has words in it that whoever guesses tries first"
    once = without_repetition(text)
    if len(set(once)) < LEAST_DISTINCT or bits_of(once) < LEAST_BITS:
        return "repeats itself"
    steps = [abs(ord(right) - ord(left)) for left, right in pairwise(text)]
    if sum(step <= 1 for step in steps) > len(steps) / 2:
        return "is a row of neighbouring characters"
    return ""


def without_repetition(text: str) -> str:
    """The shortest text that this one repeats, perhaps not to its end the last time."""
    lengths = range(1, len(text) // 2 + 1)
    period = next((length for length in lengths if text.startswith(text[length:])), len(text))
    return text[:period]


def bits_of(text: str) -> float:
    """How much there is to guess, if each character were drawn as often as it occurs."""
    size = len(text)
    return -sum(count * math.log2(count / size) for count in Counter(text).values())


def pem_complaint(text: str) -> str:
    """Why this is no key to sign with by RS256; empty if it is one."""
    # Only who has such a key waits for the import.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # What doesn't begin with it, signs as text and not as a key.
        key = load_pem_private_key(text.encode(), password=None) if text.startswith("-----BEGIN") else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        return "is not an unencrypted RSA key in PEM (if its line ends got lost, name its file in JWT_PRIVATE_KEY_FILE)"
    return f"is an RSA key of less than {LEAST_RSA_BITS} bits" if key.key_size < LEAST_RSA_BITS else ""

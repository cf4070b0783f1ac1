"""Proof of work at a sign-up: a small sum for one account, a large one for thousands (altcha, self-hosted)."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any

import altcha
from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid

HEADER = "X-Proof-Of-Work"
FIELD = "proof_of_work"
ALGORITHM = "SHA-256"
# Hashes to try: about a second on a cheap phone, a third of one on a desk.
LEAST_WORK, MOST_WORK = 100_000, 200_000
GOOD_FOR_SECONDS = 600
# A payload of ours has some 700 characters.
LONGEST = 2_048

SPEND = """
with forgotten as (delete from spent_proof where expired_at < now())
insert into spent_proof (nonce, expired_at) values (%(nonce)s, %(expired_at)s) on conflict (nonce) do nothing
"""


class ProofNeeded(Invalid):
    """A sign-up without a good proof of work."""

    code = "proof_of_work_required"
    detail = _("The sign-up check is missing, used already or expired. Please try again.")


def new_challenge() -> dict[str, Any]:  # Any: altcha's JSON
    """A challenge, signed, good for `GOOD_FOR_SECONDS`: find the one number whose hash begins with `keyPrefix`.

    The number lies between two bounds, so that everybody works about as long; drawn at random for each hash, the
    unlucky would work many times as long as the others.
    """
    challenge = altcha.create_challenge(
        ALGORITHM,
        1,
        counter=LEAST_WORK + secrets.randbelow(MOST_WORK - LEAST_WORK),
        expires_at=int(time.time()) + GOOD_FOR_SECONDS,
        data={"for": "signup", "most": MOST_WORK},
        hmac_secret=_key("challenge"),
        hmac_key_secret=_key("solution"),
    )
    return dict(challenge.to_dict())


def require_proof(request: HttpRequest) -> None:
    """Spend the proof of work that comes with a sign-up, if the house wants one.

    :raises ProofNeeded: if there is none, it is wrong or too old, or it was spent before
    """
    if settings.SIGNUP_PROOF_OF_WORK:
        spend(request.headers.get(HEADER) or request.POST.get(FIELD) or "")


def spend(payload: str) -> None:
    """Spend one proof of work: in PostgreSQL, where each is spent once, whatever is away or comes at once.

    :raises ProofNeeded: as above
    """
    if not payload or len(payload) > LONGEST:
        raise ProofNeeded
    result = altcha.verify_solution(payload, _key("challenge"), hmac_key_secret=_key("solution"))
    if not result.verified:
        raise ProofNeeded
    # Only now, signed by us, is it what it says.
    parameters = altcha.Payload.from_base64(payload).challenge.parameters
    if parameters.data is None or parameters.data.get("for") != "signup" or parameters.expires_at is None:
        raise ProofNeeded
    expired_at = datetime.fromtimestamp(parameters.expires_at, UTC)
    with connection.cursor() as cursor:
        cursor.execute(SPEND, {"nonce": parameters.nonce, "expired_at": expired_at})
        if cursor.rowcount != 1:
            raise ProofNeeded


def _key(purpose: str) -> bytes:
    return salted_hmac("frontrow.proof", purpose, algorithm="sha256").digest()

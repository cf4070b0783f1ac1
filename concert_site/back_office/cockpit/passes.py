"""Passes to look at figures: signed, for half a minute, checked without a query.

A page that asks every two seconds would read its session and its account each time, for every colleague who has it
open. It shows a pass instead, and its session again once that is over. What ends an account's access ends its passes
at once (concert_site.accounts.revocations); a permission that is taken away, or a session that is logged out, ends them
within half a minute. A pass opens figures, never a control.
"""

from dataclasses import asdict, dataclass

from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.http import HttpRequest

from concert_site.accounts.models import User
from concert_site.accounts.revocations import revocations

LIFETIME_SECONDS = 30
SALT = "concert_site.cockpit"
HEADER = "X-Figures-Pass"
# Permissions, one of which is needed: to run a sale, and to look at it.
RUN = ("reservations.run_sale", "reservations.change_concertschedule")
WATCH = (*RUN, "reservations.view_concertschedule")


@dataclass(frozen=True, slots=True)
class Pass:
    """Who may look: the account, its newest revocation by then, its language, and whether money is shown."""

    user_id: int
    revocation: int
    language: str
    sees_money: bool


def may_watch(user: User | AnonymousUser) -> bool:
    return any(map(user.has_perm, WATCH))


def pass_for(request: HttpRequest) -> Pass:
    """The pass of a member of staff who may watch."""
    user = request.user
    return Pass(
        user_id=int(user.pk or 0),
        revocation=revocations.get().accounts.get(int(user.pk or 0), 0),
        language=str(getattr(request, "LANGUAGE_CODE", "")),
        sees_money=user.has_perm("payments.view_payment"),
    )


def sign(each: Pass) -> str:
    return signing.dumps(asdict(each), salt=SALT, compress=False)


def pass_in(request: HttpRequest) -> Pass | None:
    """The pass that a request shows, if it is one of ours, young enough, and nothing has ended it."""
    text = request.headers.get(HEADER, "")
    if not text:
        return None
    try:
        found = Pass(**signing.loads(text, salt=SALT, max_age=LIFETIME_SECONDS))
    except signing.BadSignature:
        return None
    return None if found.revocation < revocations.get().accounts.get(found.user_id, 0) else found

"""Sessions in PostgreSQL, which knows whose they are: what was ended there is over, whatever else is away."""

from datetime import datetime
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

from concert_site.accounts import sessions
from concert_site.accounts.models import AccountSession

USER_ID = "_auth_user_id"
# Where allauth keeps which refresh tokens of a session are good.
REFRESH_TOKENS = "headless_refresh_tokens"


class SessionStore(db.SessionStore):
    """Django's own, in a table of ours. Its name is part of how its data is signed: a copied row is still good."""

    @classmethod
    def get_model_class(cls) -> type[AbstractBaseSession]:
        return AccountSession

    # When the row that was loaded was seen last; None before a row was.
    seen_at: datetime | None = None

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        row = super()._get_session_from_db()  # type: ignore[misc]  # not in the stubs
        self.seen_at = row.seen_at if row else None
        return row  # type: ignore[no-any-return]  # as above

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:  # Any: Django's signature
        row: AccountSession = super().create_model_instance(data)  # type: ignore[assignment]  # of the class above
        owner = str(data.get(USER_ID, ""))
        row.user_id = int(owner) if owner.isdecimal() else None
        row.has_tokens = REFRESH_TOKENS in data
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End the session, and at once its access tokens."""
        key = session_key or self.session_key
        if key:
            sessions.end_session(key)

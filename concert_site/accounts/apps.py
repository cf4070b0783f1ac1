from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "concert_site.accounts"
    label = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Listen to what allauth's own views tell of: they are not ours to extend."""
        from allauth.account.signals import authentication_step_completed, email_confirmed, password_reset
        from allauth.mfa.signals import authenticator_added

        from concert_site.accounts.devices import remember_after_reset
        from concert_site.accounts.password_reset import end_foreign_sessions
        from concert_site.accounts.reauthentication import note_network
        from concert_site.accounts.second_factor import note_new_factor

        authenticator_added.connect(note_new_factor, dispatch_uid="accounts.note_new_factor")
        authentication_step_completed.connect(note_network, dispatch_uid="accounts.note_network")
        password_reset.connect(remember_after_reset, dispatch_uid="accounts.remember_after_reset")
        email_confirmed.connect(end_foreign_sessions, dispatch_uid="accounts.end_foreign_sessions")

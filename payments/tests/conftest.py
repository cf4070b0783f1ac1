"""What the tests of payments share: providers, as the wallet's have them, and a mail server."""

import pytest

from payments.tests.mail_server import MailServer, free_port, listening
from wallet.tests.conftest import card, running_provider, server, without_limits

__all__ = ["card", "running_provider", "server", "without_limits"]


@pytest.fixture
def mail_port(settings):
    """Mails go to this port, at which nobody listens; none waits for a later attempt."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    settings.SITE_URL = "https://tickets.example.com"
    return settings.EMAIL_PORT


@pytest.fixture
def mail_server(mail_port):
    with listening(MailServer(), mail_port) as listener:
        yield listener

"""Mail, and where the links in it lead."""

from concert_site.settings.base import ALLOWED_HOSTS, IS_PRODUCTION, env

vars().update(env.mail_server("EMAIL_URL", default="smtp://localhost:25" if IS_PRODUCTION else "consolemail://"))
# A mail server that takes a connection and says nothing holds up one mail for so long, and not for ever.
EMAIL_TIMEOUT = 10
# Where links in mails lead. `up` knows where it listens and says so, in demo and test.
FIRST_HOST = next((host.lstrip(".") for host in ALLOWED_HOSTS if host != "*"), "localhost")
SITE_URL: str = env.web_address(
    "SITE_URL", default=f"https://{FIRST_HOST}/" if IS_PRODUCTION else "http://127.0.0.1:8000/"
)
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", default="Frontrow <tickets@localhost>")

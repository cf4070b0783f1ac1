"""Pages as a fan's browser gets them."""

from django.http import HttpResponse
from django.test import Client

from concert_site.accounts.models import User


def browser_of(fan: User | None = None) -> Client:
    """The browser of this fan, or of somebody who isn't logged in."""
    browser = Client()
    if fan is not None:
        browser.force_login(fan)
    return browser


def text_of(response: HttpResponse) -> str:
    """What a page says, with every run of blanks as one."""
    return " ".join(response.content.decode().split())

"""What a User-Agent header says, in plain words: for people who look for a session that isn't theirs."""

import re

from django.utils.translation import gettext

# In this order: nearly all of them also claim to be those that come later.
PROGRAMS = (
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(inapp", "NAVER"),
    ("FBAN/", "Facebook"),
    ("Instagram", "Instagram"),
    ("Whale/", "Whale"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
# The first product of a header that no browser sent: an app's own name, or its library's.
PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,39}")


def name_of_client(user_agent: str) -> str:
    """As "Chrome on Windows"; what nobody knows is called so."""
    program = first_named(PROGRAMS, user_agent) or product_of(user_agent)
    device = first_named(DEVICES, user_agent)
    if program and device:
        return gettext("%(program)s on %(device)s") % {"program": program, "device": device}
    return program or device or gettext("Unknown device")


def first_named(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")


def product_of(user_agent: str) -> str:
    """The name that a program gives itself; blank where it says only what every browser says."""
    found = PRODUCT.match(user_agent)
    return found[0] if found and found[0] != "Mozilla" else ""

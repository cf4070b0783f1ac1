"""What a person does with a browser after the installation; typed into the bare host's own Python by bare_host.py.

python3 bare_visitor.py login EMAIL PASSWORD      through nginx, up to a second factor, into the admin
python3 bare_visitor.py watch SECONDS             ask for pages until a file says enough, and count what failed
"""

import base64
import hmac
import http.cookiejar
import re
import ssl
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

SITE = "https://tickets.example.com"
TRUST = ssl.create_default_context(cafile="/etc/frontrow/tls/fullchain.pem")
ENOUGH = Path("enough")
WATCHED = ("/", "/accounts/login/", "/readyz", "/api/v1/concerts/")


class Browser:
    """Cookies, forms with their CSRF token, and pages; follows redirects."""

    def __init__(self) -> None:
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=TRUST), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self.page, self.url = "", SITE

    def get(self, path: str) -> str:
        return self.open(urllib.request.Request(SITE + path))

    def post(self, path: str, **fields: str) -> str:
        (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page)
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        return self.open(urllib.request.Request(SITE + path, body, {"Referer": self.url, "Origin": SITE}))

    def open(self, request: urllib.request.Request) -> str:
        with self.opener.open(request, timeout=20) as answer:
            self.page, self.url = answer.read().decode(), answer.url
        return self.page


def totp(secret: str) -> str:
    """The code that an authenticator shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    number = struct.unpack_from(">I", digest, digest[-1] & 15)[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def login(email: str, password: str) -> None:
    """Log in, set a second factor up, and look at the admin's first page."""
    browser = Browser()
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", login=email, password=password)
    browser.get("/admin/")
    assert urllib.parse.urlsplit(browser.url).path != "/admin/", "staff came in without a second factor"
    browser.get("/accounts/2fa/totp/activate/")
    if "reauthenticate" in browser.url:
        browser.post(urllib.parse.urlsplit(browser.url).path, password=password)
        browser.get("/accounts/2fa/totp/activate/")
    (secret,) = set(re.findall(r"\b[A-Z2-7]{32}\b", browser.page))
    browser.post("/accounts/2fa/totp/activate/", code=totp(secret))
    browser.get("/admin/")
    assert urllib.parse.urlsplit(browser.url).path == "/admin/", browser.url
    assert email in browser.page or "dashboard" in browser.page.lower(), browser.page[:500]
    names = sorted(cookie.name for cookie in browser.cookies)
    print("logged in by https with a second factor; cookies:", ", ".join(names))


def watch(seconds: float) -> None:
    """Ask for pages by four connections at once until a file says enough; print how many, and what failed."""
    ENOUGH.unlink(missing_ok=True)
    deadline = time.monotonic() + seconds
    asked, failed, slowest = [], [], []

    def ask_on(number: int) -> None:
        while time.monotonic() < deadline and not ENOUGH.exists():
            path = WATCHED[number % len(WATCHED)]
            began = time.monotonic()
            asked.append(path)
            try:
                with urllib.request.urlopen(SITE + path, timeout=20, context=TRUST) as answer:
                    answer.read()
            except (urllib.error.URLError, OSError) as error:
                failed.append(f"{path}: {error}")
            slowest.append(time.monotonic() - began)
            time.sleep(0.02)

    threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(
        f"{len(asked)} requests, {len(failed)} failed, slowest {max(slowest):.2f} s", *sorted(set(failed)), sep="\n  "
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    login(*words) if command == "login" else watch(float(words[0]))

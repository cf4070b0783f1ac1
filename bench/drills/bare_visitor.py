"""What a person does with a browser after the installation; typed into the bare host's own Python by bare_host.py.

python3 bare_visitor.py login EMAIL PASSWORD      through nginx, up to a second factor, into the admin
python3 bare_visitor.py signup EMAIL PASSWORD     a fan who proves the address with the code of the mail
python3 bare_visitor.py fan EMAIL PASSWORD        the same fan comes back, and looks at the line of the date on sale
python3 bare_visitor.py watch SECONDS             ask for pages until a file says enough; none may fail
python3 bare_visitor.py tally SECONDS             the same, and tell what each address was answered
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
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SITE = "https://tickets.example.com"
# What the host trusts, and the site's own certificate while nobody else has signed it.
TRUST = ssl.create_default_context()
TRUST.load_verify_locations("/etc/frontrow/tls/fullchain.pem")
ENOUGH, MAILS = Path("enough"), Path("mails")
MAIL_SECONDS = 30
LINE = "/api/v1/schedules/1/queue/"
POLLS = 20
WATCHED = ("/", "/accounts/login/", "/readyz", LINE)
TALLIED = (*WATCHED, "/healthz")


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


def signup(email: str, password: str) -> None:
    """Make an account, and prove its address by the code that is mailed."""
    browser = Browser()
    browser.get("/accounts/signup/")
    browser.post("/accounts/signup/", email=email, password1=password)
    browser.post("/accounts/email/code/", code=code_mailed_to(email), next="/wallet/")
    assert urllib.parse.urlsplit(browser.url).path == "/wallet/", browser.url
    print(f"signed up as {email}, the address proven by the code of a mail")


def fan(email: str, password: str) -> None:
    """Log in, look at the own bookings, and poll a line."""
    browser = Browser()
    browser.get("/accounts/login/?next=/bookings/")
    browser.post("/accounts/login/", login=email, password=password, next="/bookings/")
    assert urllib.parse.urlsplit(browser.url).path == "/bookings/", browser.url
    said = {browser.get(LINE) for _ in range(POLLS)}
    print(f"logged in as {email}; the line, asked {POLLS} times: {min(said)}")


def code_mailed_to(email: str) -> str:
    deadline = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < deadline:
        for file in MAILS.glob(f"*-{email}"):
            if found := re.search(r"^[0-9A-Z]{3,4}-[0-9A-Z]{3,4}\r?$", file.read_text(), re.MULTILINE):
                return found[0].strip()
        time.sleep(0.2)
    raise SystemExit(f"no code was mailed to {email}")


@dataclass
class Answers:
    """What one address answered."""

    said: Counter[str] = field(default_factory=Counter)
    # When the first and the last that wasn't 200 began, in seconds from the beginning; and the longest wait.
    bad_at: list[float] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def failed(self) -> int:
        return self.said.total() - self.said["200"]

    def __str__(self) -> str:
        spread = f", not 200 from second {self.bad_at[0]:.1f} to {self.bad_at[-1]:.1f}" if self.bad_at else ""
        counts = ", ".join(f"{count} x {what}" for what, count in self.said.most_common())
        return f"{counts}; slowest {self.slowest:.2f} s{spread}"


def ask(path: str) -> str:
    """What a page answers: its status, or what went wrong."""
    try:
        with urllib.request.urlopen(SITE + path, timeout=20, context=TRUST) as answer:
            answer.read()
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError as error:
        return str(error)


def ask_all(paths: Sequence[str], seconds: float) -> dict[str, Answers]:
    """Ask each of these again and again, by a connection each, until a file says enough."""
    ENOUGH.unlink(missing_ok=True)
    began = time.monotonic()
    answers = {path: Answers() for path in paths}

    def ask_on(path: str) -> None:
        mine = answers[path]
        while (asked_at := time.monotonic()) < began + seconds and not ENOUGH.exists():
            said = ask(path)
            mine.said[said] += 1
            mine.slowest = max(mine.slowest, time.monotonic() - asked_at)
            if said != "200":
                mine.bad_at.append(asked_at - began)
            time.sleep(0.02)

    threads = [threading.Thread(target=ask_on, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def watch(seconds: float) -> None:
    """Print how many pages were asked for, and what failed; exit code 1 if any did."""
    answers = ask_all(WATCHED, seconds)
    asked, failed = sum(each.said.total() for each in answers.values()), sum(each.failed for each in answers.values())
    print(f"{asked} requests, {failed} failed, slowest {max(each.slowest for each in answers.values()):.2f} s")
    print(*(f"  {path}: {each}" for path, each in answers.items() if each.failed), sep="\n", end="")
    sys.exit(bool(failed))


def tally(seconds: float) -> None:
    """Print what each address answered."""
    for path, answers in ask_all(TALLIED, seconds).items():
        print(f"{path}: {answers}")


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command in ("watch", "tally"):
        {"watch": watch, "tally": tally}[command](float(words[0]))
    else:
        {"login": login, "signup": signup, "fan": fan}[command](*words)

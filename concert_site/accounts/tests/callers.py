"""Clients that come from different networks: the loopback interface has 127.0.0.2, 127.0.0.3 and so on."""

import json
import re
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from concert_site.accounts.tests.headless import PASSWORD

FORM = "application/x-www-form-urlencoded"


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def seconds(self):
        return int(self.headers["Retry-After"])


class Caller:
    """One client at one address, with the cookies it was given."""

    def __init__(self, url, address):
        self.netloc = urlsplit(str(url)).netloc.replace("localhost", "127.0.0.1")
        self.address = address
        self.cookies = SimpleCookie()
        self.paths = {}

    def ask(self, method, path, body=None, **headers):
        connection = HTTPConnection(self.netloc, timeout=20, source_address=(self.address, 0))
        sent = [f"{name}={one.value}" for name, one in self.cookies.items() if path.startswith(one["path"] or "/")]
        try:
            connection.request(method, path, body, headers | ({"Cookie": "; ".join(sent)} if sent else {}))
            response = connection.getresponse()
            answer = Answer(response)
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            self.cookies.load(line)
        return answer

    def api(self, path, body, **headers):
        """An operation of allauth's API; an app keeps no cookies."""
        return Caller(f"http://{self.netloc}", self.address).ask(
            "POST", f"/_allauth/app/v1/{path}", json.dumps(body), **{"Content-Type": "application/json"}, **headers
        )

    def log_in(self, email, password=PASSWORD, **headers):
        return self.api("auth/login", {"email": email, "password": password}, **headers)

    def form(self, path, **fields):
        """Load a page and send the form on it."""
        page = self.ask("GET", path)
        if page.status != 200:
            return page
        (token, *_) = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
        body = urlencode(fields | {"csrfmiddlewaretoken": token.decode()})
        return self.ask("POST", path, body, **{"Content-Type": FORM})

    def log_in_by_page(self, email, password=PASSWORD):
        return self.form("/accounts/login/", login=email, password=password)

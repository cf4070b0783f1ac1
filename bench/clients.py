"""A browser or an app of a measurement or a drill: it keeps cookies, and logs in by the page."""

import http.client
import re
from collections.abc import Mapping
from urllib.parse import urlencode


class Client:
    """A browser or an app: cookies, and answers read to their end."""

    def __init__(self, host: tuple[str, int], patience: float = 15) -> None:
        self.host, self.patience, self.cookies = host, patience, dict[str, str]()

    def ask(
        self, method: str, path: str, body: str = "", host: tuple[str, int] | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Status, body and headers of an answer; `some_header` becomes some-header."""
        connection = http.client.HTTPConnection(*(host or self.host), timeout=self.patience)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = self.cookie
        connection.request(method, path, body.encode() or None, sent)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        read = answer.read()
        connection.close()
        return answer.status, read, answer.headers

    @property
    def cookie(self) -> str:
        """The header of that name."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def log_in(self, fan: Mapping[str, str], host: tuple[str, int] | None = None) -> int:
        """Load the form, and send it to this host, if it is another; the status of the answer.

        :raises SystemExit: if the page has no form
        """
        path = "/accounts/login/"
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', self.ask("GET", path)[1])
        if token is None:
            raise SystemExit("The login page has no form.")
        form = {"csrfmiddlewaretoken": token[1].decode(), "login": fan["email"], "password": fan["password"]}
        return self.ask("POST", path, urlencode(form), host, Content_Type="application/x-www-form-urlencoded")[0]

"""Forms as a browser has them: opened, typed into, sent; so that a test can leave one open while others work."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class FormParser(HTMLParser):
    """The fields of the forms of a page that are sent by POST, with what stands in them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, list[str]]] = []
        self.inside = False
        self.text_of: str | None = None
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self.inside = has.get("method") == "post"
            if self.inside:
                self.forms.append({})
        elif not self.inside:
            return
        elif tag == "input" and has.get("name") and is_sent(has):
            self.put(has["name"], has.get("value") or ("on" if has.get("type") == "checkbox" else ""))
        elif tag == "textarea":
            self.text_of = has["name"]
            self.put(has["name"], "")
        elif tag == "select" and has.get("name"):
            self.select = has["name"]
        elif tag == "option" and self.select and "selected" in has:
            self.put(self.select, has.get("value") or "")

    def handle_data(self, data: str) -> None:
        if self.text_of:
            self.forms[-1][self.text_of][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.text_of:
            # A browser leaves out the newline that a template puts behind the tag, and sends lines as CRLF.
            (text,) = self.forms[-1][self.text_of]
            self.forms[-1][self.text_of] = [text.removeprefix("\n").replace("\n", "\r\n")]
            self.text_of = None
        elif tag == "select":
            self.select = None

    def put(self, name: str | None, value: str) -> None:
        self.forms[-1].setdefault(str(name), []).append(value)


def is_sent(has: dict[str, str | None]) -> bool:
    """Whether a browser sends an input that nobody has touched."""
    kind = has.get("type") or "text"
    if kind in {"submit", "button", "file", "image", "reset"} or "disabled" in has:
        return False
    return kind not in {"checkbox", "radio"} or "checked" in has


def forms_in(page: str) -> list[dict[str, Any]]:
    """What each form of a page would send, without the token against forgery, which the test's client doesn't need."""
    parser = FormParser()
    parser.feed(page)
    return [{name: values for name, values in form.items() if name != "csrfmiddlewaretoken"} for form in parser.forms]


def open_form(client: Client, url: str, *, having: str | None = None) -> dict[str, Any]:
    """What the form of a page would send, untouched: the one with the most fields, or the one that has this field."""
    found = forms_in(client.get(url).content.decode())
    return max((form for form in found if having is None or having in form), key=len)


def post_confirmed(client: Client, url: str, data: dict[str, Any]) -> Any:  # Any: the test client's response
    """Send what asks first how many of what it is meant for, and say yes to that."""
    answer = client.post(url, data, follow=True)
    asked = [form for form in forms_in(answer.content.decode()) if "_confirmed" in form]
    return client.post(url, asked[0] | {"_typed": asked[0]["_total"]}, follow=True) if asked else answer

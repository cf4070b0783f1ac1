"""localstripe, an emulator of Stripe that others wrote, as a process on loopback for tests."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from concert_site.embedded.data_dir import PROJECT

SECRET_KEY, PUBLISHABLE_KEY, WEBHOOK_SECRET = "sk_test_12345", "pk_test_12345", "whsec_12345"
GOOD, DECLINED, ASKS_FIRST = "4242424242424242", "4000000000000341", "4000002500003155"


class LocalStripe:
    """One that runs. What a fan does in a browser, tests do by `pay`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def settings(self) -> dict[str, str]:
        """What the site needs to know of it."""
        return {
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": self.url,
            "STRIPE_JS_URL": f"{self.url}/js.stripe.com/v3/",
        }

    def post(self, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        """Ask it for something as Stripe's API."""
        answer = requests.post(self.url + path, json=body or {}, auth=(SECRET_KEY, ""), timeout=60)
        return dict(answer.json())

    def give_card(self, intent: str, number: str = GOOD) -> None:
        """Type a card into the fields."""
        card = {"number": number, "exp_month": "12", "exp_year": "2099", "cvc": "123"}
        method = self.post("/v1/payment_methods", {"type": "card", "card": card})
        self.post(f"/v1/payment_intents/{intent}", {"payment_method": method["id"]})

    def pay(self, intent: str, number: str = GOOD) -> dict[str, Any]:
        """Pay by a card, as Stripe's fields do."""
        self.give_card(intent, number)
        return self.post(f"/v1/payment_intents/{intent}/confirm")

    def clear(self) -> None:
        """Empty it."""
        requests.delete(f"{self.url}/_config/data", timeout=60)


@contextmanager
def localstripe() -> Iterator[LocalStripe]:
    """Have one run."""
    process = subprocess.Popen([sys.executable, "-m", __name__], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield LocalStripe(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def main() -> None:
    """Serve on loopback alone and keep nothing on disk; says its port in a line."""
    from aiohttp import web
    from localstripe import resources, server

    resources.Store.dump_to_disk = lambda self: None
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    # Before its port is told: whoever reads the line may connect at once.
    listening.listen()
    print(listening.getsockname()[1], flush=True)
    web.run_app(server.app, sock=listening, print=None)


if __name__ == "__main__":
    main()

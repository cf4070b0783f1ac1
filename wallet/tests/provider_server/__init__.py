"""A provider of payments beside the tests: speaks the documented protocols of Stripe and Toss Payments over HTTP.

It keeps a book of its own, and goes wrong on demand. `provider_server()` runs one in a thread; `python -m
wallet.tests.provider_server` runs one as a process, told what to do by HTTP (`/_test/...`).
"""

from wallet.tests.provider_server.server import ProviderServer, provider_server

__all__ = ["ProviderServer", "provider_server"]

"""What the tests of payments by card share with the wallet's: a provider's server."""

from wallet.tests.conftest import running_provider, server

__all__ = ["running_provider", "server"]
